"""What the codes of a court result mean, read once from the table beside this module."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

from schemas.court_convictions.v1 import CourtType, Remand, Verdict
from schemas.court_order_variations.v1 import LegalBasis
from schemas.values import Frozen

Outcome = Literal["granted", "part", "refused", "withdrawn"]
AskedFor = Literal["make", "vary", "discharge", "renew"]


class Ending(Frozen):
    """A result that ends an offence without a conviction. `final` False: it may be tried again."""

    label: str
    verdict: Verdict
    final: bool = True


class OrderCode(Frozen):
    """A result that makes a protective order on this basis, or changes one made earlier."""

    label: str
    basis: LegalBasis = LegalBasis.UNKNOWN
    changes: bool = False


class TakenBack(Frozen):
    """A result that takes back an earlier outcome: beside an application with this offence code, or of the offence."""

    result: str
    how: str
    offence: str | None = None


class Cancelled(Frozen):
    """Results and qualifiers that cancel conditions of bail."""

    results: frozenset[str]
    qualifiers: frozenset[str]


class Qualifiers(Frozen):
    on_conviction: str
    on_acquittal: str
    on_application: str
    extended: str
    suspended: str


class CourtResults(Frozen):
    findings: Mapping[str, Verdict]
    guilty_of_an_alternative: frozenset[str]
    endings: Mapping[str, Ending]
    taken_back: tuple[TakenBack, ...]
    deaths: frozenset[str]
    bail_conditions_cancelled: Cancelled
    bail_conditions_varied: frozenset[str]
    unconditional_bail: frozenset[str]
    orders: Mapping[str, OrderCode]
    order_changes: Mapping[str, OrderCode]
    labels: Mapping[str, str]
    application_outcomes: Mapping[str, Outcome]
    sentencing_code_from: date
    custody: Mapping[str, str]
    community_orders: frozenset[str]
    sentences: Mapping[str, str]
    appeals: frozenset[str]
    applications: Mapping[str, AskedFor]
    breaches: frozenset[str]
    qualifiers: Qualifiers
    conditional_bail: frozenset[str]
    bail_conditions: Mapping[str, str]
    remand: Mapping[str, Remand]
    courts: Mapping[str, CourtType]

    def order(self, code: str, *, about_one: bool) -> OrderCode | None:
        """What a result of this code does to a protective order. `about_one`: its words, or the application that it is
        given on, are about one; without that a code for orders of any kind says nothing of them."""
        return self.orders.get(code) or (self.order_changes.get(code) if about_one else None)

    def label(self, code: str) -> str | None:
        """The name of the result, if the table has one."""
        known = self.endings.get(code) or self.orders.get(code)
        return known.label if known else self.custody.get(code) or self.sentences.get(code)


@cache
def court_results() -> CourtResults:
    return CourtResults.model_validate(
        yaml.safe_load(files("schemas.codes").joinpath("court_results.yaml").read_text("utf-8"))
    )
