"""Word to the DAIT that a date of birth cannot be right, is used for nothing, and is to be checked at its source."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from schemas.births import Born, DoubtfulDate
from schemas.classes import DataClass
from schemas.doubts import DoubtReason
from services.casefile.duties import Item, Statement
from services.casefile.facts import CaseFile, Fact
from services.casefile.matter import derived
from services.casefile.reasons import Reason
from services.casefile.telling import Matter, tell
from services.policy.model import Areas
from services.policy.policy import Policy


def why_doubted(born: Born | None) -> DoubtReason | None:
    """Why a date of birth is used for nothing, or None for one that is used or not stated."""
    return born.reason if isinstance(born, DoubtfulDate) else None


def check_at_source(
    file: CaseFile,
    policy: Policy,
    *,
    rule: str,
    subject: str,
    person: str,
    why: DoubtReason,
    held: Reason | None,
    areas: Areas,
    on: date,
    recorded_at: datetime,
    grounds: tuple[Fact, ...],
    references: Iterable[Item],
) -> Iterator[Statement]:
    """The DAIT, or the desk that policy names in its place, by references and without the date itself: whoever has the
    record reads it there."""
    yield from tell(
        file,
        policy,
        Matter(
            rule=rule,
            route="birth_date_doubtful",
            subject=subject,
            person=person,
            held=held,
            areas=areas,
            on=on,
            recorded_at=recorded_at,
            grounds=grounds,
            matter=(*references, *derived("doubtful_date_of_birth", why, DataClass.R, about=person)),
            texts=("check_the_date_of_birth",),
        ),
    )
