"""One judicial result of Common Platform: its code, its words, how long what it orders lasts.

A result line has a `cjsCode` where the CJS has one, and always the `label` of its definition, which is reference data
and free of names; a result that belongs to another names it by `parentJudicialResultId` and `rootJudicialResultId`.
What was asked for with it stands in `judicialResultPrompts` (ministryofjustice/laa-court-data-adaptor,
`lib/schemas/global/apiJudicialResult.json`; labels and prompts of a restraining order: hmcts/cpp-context-hearing,
`hearing-event/hearing-event-processor/src/test/resources/result-definitions.json`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from schemas.codes.court_results import CourtResults
from schemas.court_convictions.v1 import Prompt, Result, Verdict
from services.intake import fitting, wording
from services.intake.court_orders import Resulted
from services.intake.loose_json import Object, number, objects, text, truth
from services.intake.order_length import ENDLESS, Length, lengths, period_end

TEXT_GOES_ON = "resultText, continued"
SEPARATORS = re.compile(r"[\s,;]+")
RANKS = ("primary", "secondary", "tertiary")
FOR_LIFE = "L"
# Addresses and ways to reach people are for nobody who reads a court's result here.
TYPES_LEFT_OUT = frozenset({"ADDRESS", "NAMEADDRESS"})
LEFT_OUT = re.compile(r"address|e-?mail|phone|mobile|fax\b", re.IGNORECASE)
SAYS_A_PERIOD = re.compile(
    r"(?:period|length|duration) of (?:the )?order|order (?:period|length|duration)", re.IGNORECASE
)
SAYS_AN_END = re.compile(r"\border\b.*\b(?:expires?|ends?)\b|\b(?:end date|expiry date|until)\b", re.IGNORECASE)
SAYS_WHOM = re.compile(r"protected (?:person|party|individual)(?:'s name)?", re.IGNORECASE)
SAYS_ON_WHAT = re.compile(r"conviction ?/ ?acquittal", re.IGNORECASE)
BAIL_CONDITION = "bail condition"


def not_deleted(results: Iterable[Object]) -> list[Object]:
    """Those that an amendment has not deleted."""
    return [each for each in results if not is_deleted(each)]


def is_deleted(result: Object) -> bool:
    return truth(result, "isDeleted") is True


def is_amended(result: Object) -> bool:
    """Whether the court changed, added or deleted it after it was first shared."""
    return is_deleted(result) or bool(text(result, "amendmentDate", "amendmentReason", "amendmentReasonId"))


def ordered_on(result: Object) -> date | None:
    return fitting.day(text(result, "orderedDate"))


def all_resulted(
    results: Sequence[Object], on: date, table: CourtResults, *, of: str, changes_order: bool
) -> tuple[Resulted, ...]:
    """The results of one offence as the relay states them. `of`: the code of that offence, or of the application;
    `changes_order`: it is an application to change a protective order."""
    below = _qualifiers_below(results)
    return tuple(replace(_resulted(each, below, on, table, of=of), of_application=changes_order) for each in results)


def _resulted(
    result: Object, below: Mapping[str, tuple[str, ...]], on: date, table: CourtResults, *, of: str
) -> Resulted:
    label = text(result, "label")
    said = text(result, "resultText", "resultWording", "welshResultWording")
    code = _code(result, of, table)
    pieces = fitting.pieces(said)
    prompts = [(TEXT_GOES_ON, piece) for piece in pieces[1:]]
    asked = list(_asked(result))
    prompts += [(name, piece) for name, value in asked for piece in fitting.pieces(value)]
    ends, periods = _durations(result, asked, on)
    return Resulted(
        result=Result(
            cjs_result_code=code,
            label=(table.label(code) or label[: fitting.LONGEST_NAME] or None),
            ordered_date=ordered_on(result) or on,
            qualifiers=qualifiers(result),
            prompts=tuple(Prompt(label=name, value=value) for name, value in prompts),
            text=next(iter(pieces), None),
        ),
        text=said,
        ends=ends,
        periods=periods,
        qualified_by=tuple(dict.fromkeys((*below.get(text(result, "judicialResultId"), ()), *below.get("", ())))),
        label=label,
        protects=tuple(" ".join(value.casefold().split()) for name, value in asked if SAYS_WHOM.fullmatch(name)),
        ground=" ".join(f"on {value}." for name, value in asked if SAYS_ON_WHAT.search(name)),
    )


def code_of(result: Object, table: CourtResults) -> str:
    """Its own code, else that of the definition that it is labelled by, else `uncoded`."""
    stated = text(result, "cjsCode")
    return fitting.code(stated) if stated else table.labels.get(label_of(result), fitting.UNCODED)


def _code(result: Object, of: str, table: CourtResults) -> str:
    """As `code_of`; of an application by which a court takes something back, that it does where it is granted: most
    results that grant one have no code (hmcts/cpp-context-results, results of applications MC80524 and MC80527)."""
    code = code_of(result, table)
    if code != fitting.UNCODED or table.application_outcomes.get(label_of(result)) != "granted":
        return code
    return next((row.result for row in table.taken_back if row.offence == of), code)


def label_of(result: Object) -> str:
    """Its label as the table of codes has it."""
    return " ".join(text(result, "label").casefold().split())


def qualifiers(result: Object) -> tuple[str, ...]:
    """Each once; several may stand in one text."""
    stated = (part for part in SEPARATORS.split(text(result, "qualifier").upper()) if part)
    return tuple(dict.fromkeys(map(fitting.code, stated)))


def _qualifiers_below(results: Sequence[Object]) -> dict[str, tuple[str, ...]]:
    """By the id of each result, the qualifiers of those that name it as theirs; by an empty one, those of conditions of
    bail that name none."""
    found: dict[str, dict[str, None]] = {}
    for each in results:
        above = {text(each, "rootJudicialResultId"), text(each, "parentJudicialResultId")}
        above -= {"", text(each, "judicialResultId")}
        if not above and label_of(each).startswith(BAIL_CONDITION):
            above = {""}
        for one in above:
            found.setdefault(one, {}).update(dict.fromkeys(qualifiers(each)))
    return {one: tuple(stated) for one, stated in found.items()}


def _asked(result: Object) -> Iterator[tuple[str, str]]:
    """Each prompt with its answer, in English where there is any; several answers to one prompt are one."""
    answers: dict[tuple[str, str], list[str]] = {}
    for prompt in objects(result, "judicialResultPrompts"):
        label, reference = text(prompt, "label", "welshLabel"), text(prompt, "promptReference")
        hidden = text(prompt, "type") in TYPES_LEFT_OUT or LEFT_OUT.search(f"{label} {reference}")
        if (value := text(prompt, "value", "welshValue")) and not hidden:
            said = answers.setdefault(((label or reference or "prompt")[: fitting.LONGEST_NAME], reference), [])
            said += [] if value in said else [value]
    yield from ((label, ", ".join(said)) for (label, _), said in answers.items())


def _durations(
    result: Object, asked: Iterable[tuple[str, str]], on: date
) -> tuple[frozenset[Length], frozenset[Length]]:
    """The ends that are stated, and those that follow from a number of days, weeks, months or years.

    Of two numbers in one element neither counts: the second may be added to the first or be of something else.
    """
    ends: set[Length] = set()
    periods: set[Length] = set()
    elements = objects(result, "durationElement")
    for prompt in objects(result, "judicialResultPrompts"):
        elements += objects(prompt, "durationElement")
        if truth(prompt, "isDurationEndDate") and (end := fitting.day(text(prompt, "value"))):
            ends.add(Length(end))
    for element in elements:
        start = fitting.day(text(element, "durationStartDate")) or on
        if stated := fitting.day(text(element, "durationEndDate")):
            ends.add(Length(stated))
        for rank in RANKS[: 1 if stated else None]:
            unit = text(element, f"{rank}DurationUnit").upper()
            count = number(element, f"{rank}DurationValue")
            if unit == FOR_LIFE:
                ends.add(ENDLESS)
            elif count and (last := period_end(start, count, unit)):
                periods.add(Length(last))
    for label, value in asked:
        if (said := _sentence(label, value)) is not None:
            read = lengths(said, on)
            ends |= read.ends
            periods |= read.periods
    return frozenset(ends), frozenset(periods)


def _sentence(label: str, value: str) -> str | None:
    """What an answer says of the length of an order, as a court would write it."""
    if SAYS_A_PERIOD.search(label):
        return f"This order lasts for {value}"
    if SAYS_AN_END.search(label):
        return f"This order lasts {value if value.lower().startswith('until') else f'until {value}'}"
    return None


def ends_in(results: Sequence[Object]) -> bool | None:
    """Whether the court has dealt with what these are results of: a `FINAL` one says so (hmcts/cpp-context-hearing,
    `ResultsSharedHelper`). None where no result has a category."""
    categories = {text(each, "category").upper() for each in results} - {""}
    return "FINAL" in categories if categories else None


def quashes(results: Iterable[Object]) -> bool:
    """Whether one of them says that a conviction was quashed, or an appeal against it allowed."""
    return any(wording.verdict(text(each, "label")) is Verdict.QUASHED for each in results)
