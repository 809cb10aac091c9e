"""Mark each field with its class of personal data, so that one allow-list decides who sees it (DPA 2018 s.38, s.62),
and with how sure it is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Basis = Literal["recorded", "alleged", "assessed", "court_found"]


class DataClass(StrEnum):
    """The classes that grants speak of."""

    R = "R"  # references and event type
    T = "T"  # times, court, listing
    O = "O"  # noqa: E741 - the field's own letter: offence and verdict
    D = "D"  # order terms, coded, without zones or free text
    K = "K"  # risk grade and ticks
    P = "P"  # victim identity
    S = "S"  # suspect identity
    C = "C"  # child identity
    L = "L"  # any location, order free text, residence, recipient list
    N = "N"  # narrative and circumstances
    H = "H"  # health and other sensitive data
    X = "X"  # safe-contact detail, placement
    CR = "Cr"  # who is represented and by whom, as the court's record has it
    IP = "Ip"  # coercion indicators from police and court facts
    II = "Ii"  # indicators and private facts from the IDVA


class Form(StrEnum):
    """How much of a class a field shows; a grant of `full` covers every form."""

    FULL = "full"
    STATE = "state"
    TITLE = "title"
    GRADE = "grade"
    SUMMARY = "summary"
    RELATIONSHIP = "relationship"
    NAME = "name"
    ZONE = "zone"


@dataclass(frozen=True, slots=True)
class Marked:
    """The mark on a schema field. `data_class` None: identity of a party, P or S by that party's role. `basis`: how
    sure the field is, where its data class does not decide that."""

    data_class: DataClass | None
    form: Form = Form.FULL
    basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class Sure:
    """A second mark, for a field that is more or less sure than others of its class. What somebody says has happened is
    alleged, whatever its class; what she said about her own wishes is recorded (DPA 2018 s.38)."""

    basis: Basis


RECORDED, ALLEGED, ASSESSED = Sure("recorded"), Sure("alleged"), Sure("assessed")
IDENTITY = Marked(None)
IDENTITY_NAME = Marked(None, Form.NAME)
SUSPECT_NAME = Marked(DataClass.S, Form.NAME)
RELATIONSHIP = Marked(None, Form.RELATIONSHIP)
REFERENCE = Marked(DataClass.R)
TIME = Marked(DataClass.T)
OFFENCE = Marked(DataClass.O)
OFFENCE_TITLE = Marked(DataClass.O, Form.TITLE)
TERMS = Marked(DataClass.D)
ORDER_STATE = Marked(DataClass.D, Form.STATE)
RISK = Marked(DataClass.K)
RISK_GRADE = Marked(DataClass.K, Form.GRADE)
CHILD = Marked(DataClass.C)
LOCATION = Marked(DataClass.L)
ORDER_ZONE = Marked(DataClass.L, Form.ZONE)
NARRATIVE = Marked(DataClass.N)
SUMMARY = Marked(DataClass.N, Form.SUMMARY)
SENSITIVE = Marked(DataClass.H)
COURT_RECORD = Marked(DataClass.CR)
SAFE_CONTACT_STATE = Marked(DataClass.X, Form.STATE)
