"""Values that every schema shares: references, dates, persons, and the frozen model that all facts derive from."""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from schemas import identifiers, places
from schemas.classes import LOCATION, REFERENCE, TIME
from schemas.doubts import Doubt, DoubtReason

FIRST_YEAR, LAST_YEAR = 1900, 2199
MIN_INT, MAX_INT = -(2**63), 2**63 - 1
FURTHEST_OFFSET = timedelta(hours=14)  # of any place on earth; PostgreSQL takes hardly more
RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

When = TypeVar("When", date, datetime)


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def unstorable(text: str) -> bool:
    """Whether a text holds NUL or a lone surrogate, which PostgreSQL takes in no column."""
    return _UNSTORABLE.search(text) is not None


def _storable(text: str) -> str:
    if unstorable(text):
        raise ValueError("text must not contain NUL or lone surrogates")
    return text


def within_years(when: When) -> When:
    """The same date or moment; ValueError where it is no day that anybody alive could mean."""
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        raise ValueError(f"dates lie between {FIRST_YEAR} and {LAST_YEAR}")
    return when


# Pydantic would read a text of digits as seconds since 1970.
def _written_as_moment(value: Any) -> Any:
    return read_moment(value) if isinstance(value, str) else value


def _written_as_day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # a day that its month does not have
    raise ValueError("a date is expected, as 2026-03-02")


# Pydantic would take 1.0 for it.
def _exactly_true(value: Any) -> Any:
    if value is not True:
        raise ValueError("true is expected, or nothing at all")
    return value


def read_moment(text: str) -> datetime:
    """A moment as RFC 3339 writes it; anything else is a ValueError that quotes nothing."""
    try:
        if RFC3339.fullmatch(text):
            moment = datetime.fromisoformat(text.upper())
            if abs(moment.utcoffset() or timedelta()) <= FURTHEST_OFFSET:
                return moment
    except ValueError:
        pass  # a day that its month does not have
    raise ValueError("a date and time with its offset is expected, as 2026-03-02T12:00:00Z")


def _in_one_spelling(read: Callable[[str], str | None], allowed: str = "._:-") -> BeforeValidator:
    """In the canonical form where there is one. What has none is kept, with `-` for what a reference cannot hold."""
    others = re.compile(f"[^A-Za-z0-9{re.escape(allowed)}]+")

    def spelt(written: Any) -> Any:
        return others.sub("-", (read(written) or written).strip()) if isinstance(written, str) else written

    return BeforeValidator(spelt)


Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_storable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}$")]
# References are opaque; "/" is kept for places inside a matter, so a source that writes one replaces it.
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,59}$")]
# A place may begin with "-", in place of a case number that a source does not give.
Place = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-][A-Za-z0-9._:/-]{0,199}$")]
Urn = Annotated[Reference, _in_one_spelling(identifiers.urn)]
Asn = Annotated[Reference, _in_one_spelling(identifiers.asn)]
PncId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,39}$"),
    _in_one_spelling(identifiers.pnc, allowed="._:/-"),
]
CroNumber = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,39}$"),
    _in_one_spelling(identifiers.cro, allowed="._:/-"),
]
HearingPlace = Annotated[Place, _in_one_spelling(identifiers.hearing, allowed="._:/-")]
OrderPlace = Annotated[Place, _in_one_spelling(identifiers.order, allowed="._:/-")]
Moment = Annotated[AwareDatetime, BeforeValidator(_written_as_moment), AfterValidator(within_years)]
Day = Annotated[date, BeforeValidator(_written_as_day), AfterValidator(within_years)]
Number = Annotated[int, Field(ge=1, le=999)]
Version = Annotated[int, Field(ge=1, le=MAX_INT)]
ForceCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,5}$")]
CourtCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{6,8}$")]
LaCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")]
# Of a school or college; of a registered nursery the number by which Ofsted registers early years, with its letters.
SchoolUrn = Annotated[str, StringConstraints(pattern=r"^(EY)?[0-9]{6}$")]
NURSERY = "EY"
AgencyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,59}$")]
Pseudonym = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,40}$")]


class Frozen(BaseModel):
    """A value on the wire. Readers ignore fields that they do not know; an error never echoes its input."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False)


class CorrectionReason(StrEnum):
    """Why a higher version was needed, or why a fact is taken back."""

    RECORDED_WRONGLY = "recorded_wrongly"
    MORE_KNOWN = "more_known"
    WRONG_PERSON = "wrong_person"
    WRONG_SCHOOL = "wrong_school"
    RESULT_AMENDED = "result_amended"
    DUPLICATE = "duplicate"
    SENT_IN_ERROR = "sent_in_error"


class Body(Frozen):
    """What every fact carries beside its own fields; identity, version and source time are in the envelope."""

    occurred_at: Annotated[Moment, TIME]
    correction_reason: Annotated[CorrectionReason | None, REFERENCE] = None
    force_code: Annotated[ForceCode | None, REFERENCE] = None

    @property
    def sender(self) -> tuple[Literal["force", "court", "agency"], str | None]:
        """Who said it, as far as the body says that."""
        return "force", self.force_code

    @classmethod
    def subject_in_one_spelling(cls, subject: str) -> str:
        """The same subject, with the identifiers in it in their canonical form."""
        return subject


class Withdrawn(Body):
    """A version that takes its subject back: nothing in earlier versions counts any more."""

    withdrawn: Annotated[Literal[True], BeforeValidator(_exactly_true), REFERENCE]


class RecordId(Frozen):
    """A person as one record system knows them. Ids are opaque and say nothing of the person."""

    system: Annotated[Reference, REFERENCE]
    id: Annotated[Reference, REFERENCE]


class Residence(Frozen):
    """Where somebody lives, as precisely as routing needs it; never shown."""

    force: Annotated[ForceCode | None, LOCATION] = None
    la_code: Annotated[LaCode | None, LOCATION] = None


class PartyRef(Frozen):
    """A numbered party of an incident."""

    crime_reference: Annotated[Reference, REFERENCE]
    party: Annotated[Number, REFERENCE]

    @property
    def place(self) -> places.Place:
        return places.party_place(self.crime_reference, self.party)


class References(Frozen):
    """What a charge or court fact says it belongs to; at least one of the first four."""

    urn: Annotated[Urn | None, REFERENCE] = None
    asn: Annotated[Asn | None, REFERENCE] = None
    defendant_id: Annotated[Reference | None, REFERENCE] = None
    court_case: Annotated[Reference | None, REFERENCE] = None
    court_ou: Annotated[CourtCode | None, REFERENCE] = None
    order: Annotated[OrderPlace | None, REFERENCE] = None
    application: Annotated[Reference | None, REFERENCE] = None

    def model_post_init(self, _: object) -> None:
        if not (self.urn or self.asn or self.defendant_id or self.court_case):
            raise ValueError("name at least one of urn, asn, defendant_id, court_case")

    @property
    def leading_urn(self) -> str | None:
        """The URN, if it can be read as one; any other is kept and leads to nobody."""
        return self.urn if self.urn and identifiers.urn(self.urn) else None

    @property
    def leading_asn(self) -> str | None:
        """The ASN, where it can be read as one."""
        return self.asn if self.asn and identifiers.asn(self.asn) else None

    def doubted(self) -> Iterator[Doubt]:
        for name, stated, leads in (("urn", self.urn, self.leading_urn), ("asn", self.asn, self.leading_asn)):
            if stated and not leads:
                yield Doubt(name, DoubtReason.IDENTIFIER_UNREADABLE)


class Role(StrEnum):
    """What a person is in one matter; roles belong to the fact, not to the person."""

    VICTIM = "victim"
    SUSPECT = "suspect"
    UNRESOLVED = "unresolved"


class Relationship(StrEnum):
    """How two people are personally connected (DA Act 2021 s.2), or that they are not."""

    SPOUSE = "spouse"
    CIVIL_PARTNER = "civil_partner"
    ENGAGED = "engaged"
    CIVIL_PARTNERSHIP_AGREED = "civil_partnership_agreed"
    INTIMATE = "intimate"
    PARENT_OF_SAME_CHILD = "parent_of_same_child"
    RELATIVE = "relative"
    NOT_CONNECTED = "not_connected"


class Tri(StrEnum):
    """An answer to a question of a risk checklist: not asked and unknown are not no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


def case_place(references: References) -> str:
    """The place of the case that these references name; what is missing is `-`."""
    number = references.urn or references.court_case or places.NONE
    return places.case_place(number, references.leading_asn or references.defendant_id or references.asn or places.NONE)


def hearing_place(references: References, court_ou: str, on: date) -> str:
    """The place of a hearing of that case."""
    return places.hearing_place(case_place(references), court_ou, on)
