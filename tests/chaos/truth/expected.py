"""What agencies must hold once all that was published has been judged, stated anew from the domain's rules.

Of each duty: rule, subject, agency, and of its content what would do harm if it were another's. It reads JSON and YAML
and shares no code with the relay. Left out are the ladder (no rung can open while a load is judged: whoever is told
late has at least half an hour to answer), fixed texts, times, and the content of what no rule here speaks of.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain

from tests.chaos.truth.convictions import convictions_owe
from tests.chaos.truth.facts import Content, Held, Key, Published, standing
from tests.chaos.truth.incidents import incidents_owe
from tests.chaos.truth.order_variations import orders_owe
from tests.chaos.truth.orders import Register
from tests.chaos.truth.policy import Policy
from tests.chaos.truth.world import World


def expected(published: Iterable[Published], now: datetime, policy: Policy | None = None) -> Held:
    """What must be held; `published`: what may be believed, in any order and however often."""
    world = World(standing(published), policy or Policy(), now)
    register, held = Register(world), Held()
    for key, content in chain(
        incidents_owe(world), convictions_owe(world, register), orders_owe(world, register), responses_owe(world)
    ):
        assert key not in held or held[key] == content, f"{key} is stated twice"
        held[key] = content
    return held


def responses_owe(world: World) -> Iterator[tuple[Key, Content]]:
    """Whoever answered a notification that was not sent to it hears so."""
    answered: dict[tuple[str, str], list[str]] = defaultdict(list)
    for kind in ("acknowledged", "accepted", "declined", "decided"):
        for fact in world.facts[kind]:
            answered[fact.subject, fact.body["agency"]].append(kind)
    for (notification, agency), kinds in answered.items():
        said = {"notification": notification, "answered": sorted(kinds), "asks": []}
        yield ("answer_without_notification", f"unknown-notification:{notification}", agency), said
