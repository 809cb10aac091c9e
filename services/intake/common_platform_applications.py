"""Applications to vary, discharge or renew a protective order, as Common Platform publishes them.

What an application is for stands in its type's code; what became of it, in its results. Most of these have no code of
the CJS, so the label of the result's definition is read ("Granted", "Application refused"; hmcts/cpp-context-hearing,
`hearing-event/hearing-event-processor/src/test/resources/result-definitions.json`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Literal

from schemas import identifiers
from schemas import values as v
from schemas.codes.court_results import Outcome
from schemas.court_order_variations.v1 import (
    APPLICATION_DECIDED,
    APPLICATION_LODGED,
    APPLICATION_WITHDRAWN,
    ApplicantRole,
    ApplicationDecided,
    ApplicationLodged,
    ApplicationWithdrawn,
    OrderAction,
)
from schemas.envelope import Envelope
from schemas.fact_types import FactType
from schemas.refusals import Refusal, RefusalReason
from services.intake import fitting
from services.intake.common_platform_hearings import Shared, asked_for, docks_of, ids_of, name_of
from services.intake.common_platform_results import code_of, is_amended, is_deleted, label_of, not_deleted, ordered_on
from services.intake.court_hearings import Message, references, stated
from services.intake.court_orders import action_of
from services.intake.loose_json import Object, inside, objects, text

Fact = tuple[Envelope, v.Body]
Decision = Literal["granted", "part", "refused"]


@dataclass(frozen=True)
class Application:
    """One application to change an order, in the message that speaks of it."""

    said: Object
    id: str
    action: Literal["vary", "discharge", "renew"]
    shared: Shared

    @property
    def message(self) -> Message:
        return self.shared.message

    @cached_property
    def references(self) -> v.References:
        """Of the first case that it is linked to."""
        dock = docks_of(self.said, self.shared.charged)[0]
        return references(dock.urn, dock.names, self.shared.court_ou, dock.court_case, called=name_of(dock.parts))

    @cached_property
    def force_code(self) -> str | None:
        return next(identifiers.forces(self.references.urn, self.references.asn, None), None)

    @cached_property
    def lodged_at(self) -> datetime:
        """When the court received it; where that is not said, when the message was written, or received."""
        said = text(self.said, "applicationReceivedDate")
        if at := fitting.moment(said):
            return at
        day = fitting.day(said)
        return fitting.at(day, "") if day else self.message.said_at

    @cached_property
    def outcomes(self) -> dict[Outcome, date]:
        """What its results say became of it, each with the day on which it was ordered."""
        found: dict[Outcome, date] = {}
        for result in not_deleted(objects(self.said, "judicialResults")):
            if (outcome := self._outcome(result)) is not None:
                found.setdefault(outcome, self.shared.day_of(ordered_on(result)))
        return found

    def _outcome(self, result: Object) -> Outcome | None:
        """What one result says became of it, if it says so."""
        table = self.shared.table
        code = code_of(result, table)
        outcome = table.application_outcomes.get(code) or table.application_outcomes.get(label_of(result))
        return "granted" if outcome is None and self._changes_order(result, code) else outcome

    def _changes_order(self, result: Object, code: str) -> bool:
        """Whether a result states what became of the order; one that may as well say that nothing did does not."""
        if self.shared.table.order(code, about_one=True) is None:
            return False
        return action_of(text(result, "label"), text(result, "resultText")) is not OrderAction.CHANGED_NOT_STATED

    @property
    def code(self) -> str | None:
        stated = text(inside(self.said, "type"), "code").upper()
        return fitting.code(stated) if stated else None

    @cached_property
    def may_take_back(self) -> bool:
        """Whether an outcome that it no longer has may have been shared before. Where it goes on instead, only if an
        outcome was deleted: another hearing may have decided it since, which this one shared again knows nothing of."""
        own = objects(self.said, "judicialResults")
        among = objects(inside(self.shared.hearing, "deletedJudicialResults"), "applicationResults")
        listed = [
            inside(each, "judicialResult") for each in among if text(each, "applicationId") == text(self.said, "id")
        ]
        if self.outcomes or not not_deleted(own):
            return self.shared.again is True or bool(listed) or any(map(is_amended, own))
        return any(map(self._outcome, [*filter(is_deleted, own), *listed]))


def of_hearing(shared: Shared) -> Iterator[Fact | Refusal]:
    """What a hearing says of each application that is before it: that it was lodged, and what became of it."""
    for number, said in enumerate(objects(shared.hearing, "courtApplications")):
        yield from _facts(said, shared, f"hearing.courtApplications[{number}]")


def alone(said: Object, listed: Object, message: Message) -> Iterator[Fact | Refusal]:
    """An application that was made or changed, outside a hearing of it. `listed`: the hearing that is asked for it."""
    yield from _facts(said, Shared(listed, message), "courtApplication")


def deleted(application: str, message: Message) -> Iterator[Fact | Refusal]:
    """A court's deleting of an application: it was never made, so nothing came of it either."""
    reference = fitting.defendant_id(application)
    if reference is None:
        yield _missing("applicationId")
        return
    for kind in (APPLICATION_LODGED, APPLICATION_DECIDED, APPLICATION_WITHDRAWN):
        yield _taken_back(kind, reference, message, message.said_at, None)


def _facts(said: Object, shared: Shared, path: str) -> Iterator[Fact | Refusal]:
    action = asked_for(said, shared.table)
    if action is None or action == "make":
        return
    reference = fitting.defendant_id(text(said, "id"))
    if reference is None:
        yield _missing(f"{path}.id")
        return
    application = Application(said, reference, action, shared)
    yield _lodged(application)
    yield from _decided(application)


def _missing(path: str) -> Refusal:
    return Refusal(RefusalReason.MISSING_FIELD, "decode", f"{path}: the application's own id is expected")


def _lodged(application: Application) -> Fact:
    applicant = inside(application.said, "applicant")
    on = application.lodged_at.astimezone(fitting.LONDON).date()
    body = ApplicationLodged(
        occurred_at=application.lodged_at,
        force_code=application.force_code,
        application=application.id,
        references=application.references,
        action=application.action,
        applicant_role=_role(application.said),
        represented=True if inside(applicant, "representationOrganisation") else None,
        same_firm_as_defendant=_same_firm(application),
        offence_code=application.code,
        lodged_at=application.lodged_at,
        hearing_at=_hearing_at(application),
    )
    return stated(body, application.message, on)


def _decided(application: Application) -> Iterator[Fact]:
    """Its outcome; and where results were amended, that the other kind of outcome does not stand."""
    found, message = application.outcomes, application.message
    decided: list[Decision] = [each for each in found if each != "withdrawn"]
    if decided:
        on = max(found[each] for each in decided)
        outcome: Decision = decided[0] if len(decided) == 1 else "part"
        yield stated(
            ApplicationDecided(
                occurred_at=application.shared.began_at(on),
                force_code=application.force_code,
                application=application.id,
                references=application.references,
                outcome=outcome,
                decided_on=on,
            ),
            message,
            on,
        )
    elif found:
        on = found["withdrawn"]
        yield stated(
            ApplicationWithdrawn(
                occurred_at=application.shared.began_at(on),
                force_code=application.force_code,
                application=application.id,
                references=application.references,
            ),
            message,
            on,
        )
    if application.may_take_back:
        on = application.shared.main_day
        for kind, is_said in (
            (APPLICATION_DECIDED, bool(decided)),
            (APPLICATION_WITHDRAWN, bool(found) and not decided),
        ):
            if not is_said:
                began = application.shared.began_at(on)
                yield _taken_back(kind, application.id, message, began, application.force_code)


def _taken_back(kind: FactType, application: str, message: Message, at: datetime, force_code: str | None) -> Fact:
    body = v.Withdrawn(
        occurred_at=at, correction_reason=v.CorrectionReason.RESULT_AMENDED, force_code=force_code, withdrawn=True
    )
    return stated(body, message, at.astimezone(fitting.LONDON).date(), type_name=kind.name, subject=application)


def _role(said: Object) -> ApplicantRole:
    """Who asks, as far as the platform says: of a person who is not the defendant it does not say whom an order
    protects. She may be a defendant herself, in another case."""
    applicant, subject = inside(said, "applicant"), inside(said, "subject")
    same = text(applicant, "id") and text(applicant, "id") == text(subject, "id")
    asks, his = inside(applicant, "masterDefendant"), inside(subject, "masterDefendant")
    if (same and his) or (asks and (not his or set(ids_of(asks)) & set(ids_of(his)))):
        return ApplicantRole.DEFENDANT
    return ApplicantRole.PROSECUTION if inside(applicant, "prosecutingAuthority") else ApplicantRole.OTHER


def _same_firm(application: Application) -> bool | None:
    """Whether whoever asks, and is not the defendant, has the firm that the court record names for the defendant."""
    if _role(application.said) is not ApplicantRole.OTHER:
        return None
    his = [*docks_of(application.said, application.shared.charged)[0].parts, inside(application.said, "subject")]
    firms = [firm for part in his for firm in _firms(part)]
    hers = _firms(inside(application.said, "applicant"))
    return any(firm in firms for firm in hers) if firms and hers else None


def _firms(part: Object) -> list[str]:
    """The names of the firms that stand for somebody, whatever their case."""
    organisations = (
        inside(part, "representationOrganisation"),
        inside(part, "defenceOrganisation"),
        inside(part, "associatedDefenceOrganisation", "organisation"),
    )
    return [" ".join(name.casefold().split()) for each in organisations if (name := text(each, "name"))]


def _hearing_at(application: Application) -> datetime | None:
    """When it is heard next; where its results name no time, when the hearing begins that it is before."""
    results = not_deleted(objects(application.said, "judicialResults"))
    begins = (text(inside(each, "nextHearing"), "listedStartDateTime") for each in results)
    if at := next(filter(None, map(fitting.moment, begins)), None):
        return at
    shared = application.shared
    if shared.sat_at:
        return shared.began_at(shared.main_day)
    return fitting.moment(text(shared.hearing, "listedStartDateTime", "earliestStartDateTime"))
