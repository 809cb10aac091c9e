"""Writes docs/situations.md: every situation with its source, who is told by which rule, and who is not and why.

`python -m tests.situations.document`
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from services.ops.words import REASONS, RULES
from services.platform.project import PROJECT
from tests.situations.reading import Written, all_situations
from tests.situations.vocabulary import NotTold, Situation, Told

DOCUMENT = PROJECT / "docs" / "situations.md"
HEAD = """\
# Situations: who must be told of what, and who must not

Written by `make docs` from [tests/situations](../tests/situations/README.md); do not edit. Each row is a case that the tests play through the rules as they ship, with the law or guidance it was written from. Vera is the victim, Silas the suspect, Cora the child; all are invented. What happens step by step, with its times, stands in the file that each heading names.

{count} situations. {gaps} of them are known gaps, marked **not yet**: the law asks for this, and the relay does not do it.
"""  # noqa: E501 - it is prose
TABLE = (
    "| Situation | Law or guidance | Who is told, by which rule | Who is not told, and why |\n| --- | --- | --- | --- |"
)


def document() -> str:
    """The whole document, from the situations of today."""
    written = all_situations()
    gaps = sum(one.situation.known_gap is not None for one in written)
    parts = [HEAD.format(count=len(written), gaps=gaps)]
    for (about, file), group in groupby(written, key=lambda one: (one.about, one.file)):
        parts.append(f"## {about}\n\n`tests/situations/{file}`\n\n{TABLE}")
        parts[-1] += "".join(f"\n{row}" for row in rows(group)) + "\n"
    return "\n".join(parts)


def rows(written: Iterable[Written]) -> Iterator[str]:
    """One line of the table for each situation."""
    for one in written:
        s = one.situation
        cells = (_title(s), s.law, _told(s.told), _not_told(s.not_told))
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def rule(name: str) -> str:
    """A rule by its title and its name; one that has yet to be written, as that."""
    return f"{RULES[name]} (`{name}`)" if name in RULES else "a rule that is not written yet"


def _title(situation: Situation) -> str:
    if situation.known_gap is None:
        return situation.title
    return f"{situation.title}. **Not yet**: {situation.known_gap}"


def _told(told: Iterable[Told]) -> str:
    return "<br>".join(f"{rule(one.rule)}: {', '.join(one.to)}{_state(one)}" for one in told) or "Nobody"


def _state(told: Told) -> str:
    if told.state == "live":
        return f", by {told.by}" if told.by else ""
    why = f": {_reason(told.because)}" if told.because else ""
    return f" (then {told.state}{why})"


def _not_told(not_told: Iterable[NotTold]) -> str:
    return "<br>".join(
        f"{rule(one.rule)}{': ' + ', '.join(one.to) if one.to else ''}. {one.why or _reason(one.because)}"
        for one in not_told
    )


def _reason(because: str | None) -> str:
    return REASONS[because] if because else ""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
