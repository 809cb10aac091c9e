"""What accepted contents say: read once for all services of a process, for most of a file is as it was."""

from collections.abc import Callable
from functools import cache, lru_cache, partial

from schemas import registry
from schemas.values import Body

REMEMBERED = 20_000  # at about 6 kB; all full, about 130 MB
# Characters. Few facts are longer, and twenty thousand of the longest that streams take would fill the memory.
LONGEST_REMEMBERED = 16 * 1024

Read = Callable[[str, str], Body]


@cache
def bodies_of(contract: registry.Registry) -> Read:
    """Reads type and content as `registry.body_of`; every service of the same contract shares what is remembered."""
    read = partial(registry.body_of, registry=contract)
    remembered = lru_cache(maxsize=REMEMBERED)(read)
    return lambda type_, content: (remembered if len(content) <= LONGEST_REMEMBERED else read)(type_, content)
