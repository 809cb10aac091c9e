"""What courts decide about offences, one defendant at one hearing (v1)."""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ValidationInfo, field_validator, model_validator

from schemas import attachments, births, identifiers, matters
from schemas import values as v
from schemas.classes import (
    LOCATION,
    OFFENCE,
    OFFENCE_TITLE,
    ORDER_ZONE,
    REFERENCE,
    SUSPECT_NAME,
    TERMS,
    TIME,
    DataClass,
    Marked,
)
from schemas.doubts import Doubt, DoubtReason
from schemas.fact_types import FactType, Unlinked, Version


class Verdict(StrEnum):
    """How an offence ended. Insanity (`ngri`) is an acquittal, unfit to plead is none; the last two are not final."""

    CONVICTED = "convicted"
    ACQUITTED = "acquitted"
    NO_EVIDENCE_OFFERED = "no_evidence_offered"
    DISMISSED = "dismissed"
    NGRI = "ngri"
    UNFIT_DID_ACT = "unfit_did_act"
    WITHDRAWN = "withdrawn"
    DISCONTINUED = "discontinued"
    LIES_ON_FILE = "lies_on_file"
    JURY_DISCHARGED = "jury_discharged"
    QUASHED = "quashed"


class CourtType(StrEnum):
    """Which court sat; what may still be mended afterwards depends on it."""

    CROWN = "crown"
    MAGISTRATES = "magistrates"
    YOUTH = "youth"
    FAMILY = "family"
    APPEAL = "appeal"
    UNKNOWN = "unknown"


class Remand(StrEnum):
    """Where the defendant goes from this hearing until the next."""

    CONDITIONAL_BAIL = "conditional_bail"
    UNCONDITIONAL_BAIL = "unconditional_bail"
    CUSTODY = "custody"
    CARE = "care"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class Prompt(v.Frozen):
    """What the court clerk was asked and answered with a result; the answer may name places and people."""

    label: Annotated[v.Text, OFFENCE]
    value: Annotated[v.Text, LOCATION]


class Result(v.Frozen):
    """One result of an offence as the court coded it; its free text may name places and people."""

    cjs_result_code: Annotated[v.Code, OFFENCE]
    label: Annotated[v.Text | None, OFFENCE] = None
    ordered_date: Annotated[v.Day | None, TIME] = None
    qualifiers: Annotated[tuple[v.Code, ...], OFFENCE] = ()
    prompts: Annotated[tuple[Prompt, ...], OFFENCE] = ()
    text: Annotated[v.Text | None, LOCATION] = None


class ResultedOffence(v.Frozen):
    """`verdict` None: none yet. `final`: the court has dealt with the offence. A verdict alone is not a sentence."""

    sequence: Annotated[v.Number, REFERENCE]
    code: Annotated[v.Code, OFFENCE]
    title: Annotated[v.Text | None, OFFENCE_TITLE] = None
    verdict: Annotated[Verdict | None, OFFENCE] = None
    verdict_code: Annotated[v.Code | None, OFFENCE] = None
    verdict_date: Annotated[v.Day | None, TIME] = None
    final: Annotated[bool, OFFENCE]
    sentenced_on: Annotated[v.Day | None, TIME] = None
    results: Annotated[tuple[Result, ...], OFFENCE]


class Defendant(v.Frozen):
    """The person in the dock, as the court names them."""

    name: Annotated[v.Name | None, SUSPECT_NAME] = None
    date_of_birth: Annotated[births.BirthDate | None, Marked(DataClass.S)] = None
    record: Annotated[v.RecordId | None, REFERENCE] = None
    pnc_id: Annotated[v.PncId | None, Marked(DataClass.S)] = None
    cro_number: Annotated[v.CroNumber | None, Marked(DataClass.S)] = None
    residence: Annotated[v.Residence, LOCATION] = v.Residence()

    @property
    def born(self) -> date | None:
        """The date of birth, unless it is doubted."""
        return births.known(self.date_of_birth)

    def doubted(self) -> Iterator[Doubt]:
        yield from births.doubted(self.date_of_birth)
        if self.pnc_id and not identifiers.pnc(self.pnc_id):
            yield Doubt("pnc_id", DoubtReason.IDENTIFIER_UNREADABLE)
        if self.cro_number and not identifiers.cro(self.cro_number):
            yield Doubt("cro_number", DoubtReason.IDENTIFIER_UNREADABLE)

    def judged(self, info: ValidationInfo) -> Self:
        """The same; a date of birth that nobody in the dock can have that day is marked as doubtful."""
        if "hearing_on" not in info.data:
            return self
        born = births.of_a_defendant(self.date_of_birth, info.data["hearing_on"])
        return self if born == self.date_of_birth else self.model_copy(update={"date_of_birth": born})


class BailCondition(v.Frozen):
    """One condition of court bail."""

    code: Annotated[v.Code, TERMS]
    text: Annotated[v.Text | None, LOCATION] = None
    zone: Annotated[v.Text | None, ORDER_ZONE] = None


class NextHearing(v.Frozen):
    """Where and when the case goes on."""

    court_ou: Annotated[v.CourtCode | None, TIME] = None
    on: Annotated[v.Day | None, TIME] = None


class OfAHearing(v.Body):
    """What is stated of one defendant at one hearing. Subject: `<urn>/<asn or defendant id>/<court>/<date>`."""

    references: Annotated[v.References, REFERENCE]
    hearing: Annotated[v.HearingPlace, REFERENCE]
    court_ou: Annotated[v.CourtCode, TIME]
    hearing_on: Annotated[v.Day, TIME]
    defendant: Annotated[Defendant, Marked(DataClass.S)]

    @property
    def subject(self) -> str:
        return self.hearing

    @property
    def lists(self) -> tuple[str, ...]:
        """What a later statement of this hearing takes back where it leaves it out."""
        return ()

    @property
    def sender(self) -> tuple[Literal["force", "court", "agency"], str | None]:
        return "court", self.court_ou

    @classmethod
    def subject_in_one_spelling(cls, subject: str) -> str:
        return identifiers.hearing(subject)

    @field_validator("defendant")
    @classmethod
    def _birth_is_judged(cls, defendant: Defendant, info: ValidationInfo) -> Defendant:
        return defendant.judged(info)

    @model_validator(mode="after")
    def _hearing_has_its_place(self) -> Self:
        """It is named as every adapter names it: it is an order's place for ever."""
        if self.hearing != v.hearing_place(self.references, self.court_ou, self.hearing_on):
            raise ValueError("hearing is expected as <urn or court_case>/<asn or defendant_id>/<court_ou>/<hearing_on>")
        return self


class HearingResulted(OfAHearing):
    """All that one hearing decided about one defendant's offences.

    Subject: `<urn>/<asn or defendant id>/<court>/<date>`.
    """

    source_hearing_id: Annotated[v.Reference | None, REFERENCE] = None
    court_type: Annotated[CourtType, TIME]
    offences: Annotated[tuple[ResultedOffence, ...], OFFENCE]
    da_finding_s56a: Annotated[Literal["stated", "not_stated", "unknown"], OFFENCE] = "unknown"
    case_markers: Annotated[tuple[v.Code, ...], OFFENCE] = ()
    custody: Annotated[bool | None, OFFENCE] = None
    time_served: Annotated[bool | None, OFFENCE] = None
    remand: Annotated[Remand, OFFENCE] = Remand.UNKNOWN
    bail_conditions: Annotated[tuple[BailCondition, ...], TERMS] = ()
    next_hearing: Annotated[NextHearing | None, TIME] = None

    @property
    def lists(self) -> tuple[str, ...]:
        """What a later statement of this hearing takes back where it leaves it out."""
        return tuple(f"offence {each.sequence} ({each.code})" for each in self.offences)


HEARING_RESULTED = FactType(
    name="uk.court.hearing-resulted",
    versions=(Version(HearingResulted),),
    own_reference=matters.under("hearing:"),
    names=matters.of_its_case,
    attachment=attachments.DefendantOfCase(),
    unlinked=Unlinked("no_charge"),
    found_by="court",
)
