"""Ask the DAIT to check a date of birth or an age that cannot be right; it is not used until then."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from schemas.births import Born, DoubtfulAge, DoubtfulDate
from schemas.classes import DataClass
from schemas.doubts import DoubtReason
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.people.ordinary_routes import Matter, tell
from services.platform.policy.model import Areas
from services.platform.policy.policy import Policy


def why_doubted(stated: Born | int | None) -> DoubtReason | None:
    """Why a date of birth or an age is used for nothing, or None for one that is used or not stated."""
    return stated.reason if isinstance(stated, DoubtfulDate | DoubtfulAge) else None


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
    what: str = "doubtful_date_of_birth",
) -> Iterator[Statement]:
    """Tell the DAIT, or the desk that policy names in its place, by references and without the date: those who have the
    record read it there."""
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
            matter=(*references, *derived(what, why, DataClass.R, about=person)),
            texts=("check_the_date_of_birth",),
        ),
    )
