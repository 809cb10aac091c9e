"""Say what each attachment means: whom its facts lead to, what they lack, and by which references people may name them.

There is one class for each attachment of the closed set in `schemas/attachments.py`. Each type of fact declares which
it has; nothing else here knows which types there are.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from schemas import attachments
from schemas.agency_responses.v1 import AttributionConfirmed, Linking, LinkMade, LinkRefused
from schemas.attachments import Attachment
from schemas.court_convictions.v1 import OfAHearing
from schemas.court_order_variations.v1 import ApplicationLodged, ApplicationWithdrawn, OrdersResulted
from schemas.doubts import doubts
from schemas.matters import Referring, case_of, of_case
from schemas.places import Linked, read_case
from schemas.police_incidents.v1 import ChargePreferred, ChildrenLinked, IncidentReported, PersonsMerged
from schemas.streams import REGISTRY
from schemas.values import PartyRef, References
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.file_keys import FileKey, UnlinkedFile, unlinked_key
from services.platform.domain.linking.matters import Lead, Matters, Path
from services.platform.domain.linking.merged_records import merged_records
from services.platform.domain.linking.references import CaseArea, area_of_case, case_names, same_case

UNREADABLE = "unreadable_reference"


class OfIncident(Protocol):
    """A body that says of which incident it is."""

    @property
    def crime_reference(self) -> str: ...


B = TypeVar("B")
R = TypeVar("R", bound=Referring)
F = TypeVar("F", bound=OfAHearing | ApplicationLodged | ApplicationWithdrawn)


class Way(Generic[B]):
    """How facts of one attachment lead to people.

    `also_unlinked`: they lie in the unlinked file of their case, too, whomever they lead to. `is_lead`: they lead court
    facts to parties of incidents. `states_people`: they say who stands at an incident.
    """

    also_unlinked: ClassVar[bool] = False
    is_lead: ClassVar[bool] = False
    states_people: ClassVar[bool] = False

    def index(self, matters: Matters, fact: Fact, body: B) -> None:
        """Makes the fact known to those that lead through it."""

    def paths(self, matters: Matters, fact: Fact, body: B) -> Iterable[Path]:
        """Every way from the fact to a person."""
        return ()

    def beside(self, matters: Matters, body: B) -> Iterable[Path]:
        """Ways to people with whom the fact lies as well, without being about them."""
        return ()

    def lacks(self, matters: Matters, fact: Fact, body: B, paths: Collection[Path]) -> str | None:
        """The link that is missing."""
        return None if paths else self.missing(fact)

    def missing(self, fact: Fact) -> str | None:
        """The link that its type declares as missing while it leads to nobody."""
        return REGISTRY.facts[fact.kind].unlinked.missing

    def unlinked_file(self, own: str, body: B) -> FileKey:
        """The file where it waits for its missing link. `own`: the reference that all its versions share."""
        return unlinked_key(own)

    def names_for_people(self, body: B) -> list[str]:
        """The references by which a person may say what the fact is about."""
        return []

    def is_of(self, body: B, reference: str, case: References | None) -> bool:
        """Whether it is of the reference that people name, or of its case; of the whole case where the reference names
        no defendant."""
        return False

    def area(self, body: B) -> CaseArea | None:
        """Where the court case belongs that it is of."""
        return None

    def question(self, subject: str) -> str:
        """The reference that a statement of an agency is about."""
        return subject

    def parties_named(self, body: B) -> tuple[PartyRef, ...]:
        """Those whom a statement of an agency names."""
        return ()

    def order_asked_of(self, body: B) -> str | None:
        """The place of the order in whose unlinked file the fact lies."""
        return None


class PartiesOfIncident(Way[IncidentReported]):
    states_people = True

    def index(self, matters: Matters, fact: Fact, body: IncidentReported) -> None:
        matters.incidents[body.crime_reference] = (fact, body)

    def paths(self, matters: Matters, fact: Fact, body: IncidentReported) -> Iterable[Path]:
        return matters.at_crime(body.crime_reference)


class ChildrenOfIncident(Way[ChildrenLinked]):
    states_people = True

    def index(self, matters: Matters, fact: Fact, body: ChildrenLinked) -> None:
        matters.children.setdefault(body.crime_reference, []).append((fact, body))

    def paths(self, matters: Matters, fact: Fact, body: ChildrenLinked) -> Iterable[Path]:
        return matters.at_crime(body.crime_reference)

    def lacks(self, matters: Matters, fact: Fact, body: ChildrenLinked, paths: Collection[Path]) -> str | None:
        return None if body.crime_reference in matters.incidents else self.missing(fact)


class ViewOfIncident(Way[OfIncident]):
    def paths(self, matters: Matters, fact: Fact, body: OfIncident) -> Iterable[Path]:
        if (known := matters.incidents.get(body.crime_reference)) is not None:
            yield from (path.after(known[0].id) for path in matters.at_crime(body.crime_reference))

    def lacks(self, matters: Matters, fact: Fact, body: OfIncident, paths: Collection[Path]) -> str | None:
        return None if body.crime_reference in matters.incidents else self.missing(fact)


class RecordsOfOnePerson(Way[PersonsMerged]):
    def paths(self, matters: Matters, fact: Fact, body: PersonsMerged) -> Iterable[Path]:
        return map(Path, merged_records(body, matters.is_placeholder))


class OfACase(Way[R]):
    """What belongs to one defendant's case."""

    def unlinked_file(self, own: str, body: R) -> FileKey:
        return unlinked_key(next(iter(of_case(body.references)), own))

    def names_for_people(self, body: R) -> list[str]:
        return [str(Linked("case", case)) for case in case_names(body.references)]

    def is_of(self, body: R, reference: str, case: References | None) -> bool:
        if reference in self.names_for_people(body):
            return True
        if case is None:
            return False
        refs = body.references
        whole = case.defendant_id is None and case.leading_urn is not None and case.leading_urn == refs.leading_urn
        return whole or same_case(case, refs)

    def area(self, body: R) -> CaseArea:
        return area_of_case(body.references, body.force_code, getattr(body, "court_ou", None))


class ChargedParties(OfACase[ChargePreferred]):
    is_lead = True

    def index(self, matters: Matters, fact: Fact, body: ChargePreferred) -> None:
        parties = (PartyRef(crime_reference=o.crime_reference, party=n) for o in body.offences for n in o.parties)
        matters.index_lead(Lead(fact, body.references, tuple(dict.fromkeys(parties))))

    def paths(self, matters: Matters, fact: Fact, body: ChargePreferred) -> Iterable[Path]:
        return (path for lead in matters.leads_of([f"fact:{fact.id}"]) for path in matters.through(lead))

    def lacks(self, matters: Matters, fact: Fact, body: ChargePreferred, paths: Collection[Path]) -> str | None:
        return super().lacks(matters, fact, body, paths) if any(of_case(body.references)) else UNREADABLE


class FromACourt(OfACase[F]):
    """A court's fact is told in a victim's file. If it leads only to him, or to a record that perhaps nobody here has,
    it waits as a fact that leads to nobody does, and is not silent (domain 2.8)."""

    also_unlinked = True

    def lacks(self, matters: Matters, fact: Fact, body: F, paths: Collection[Path]) -> str | None:
        if any(matters.of_a_victim(path.place) for path in paths):
            return None
        return UNREADABLE if doubts(body.references) else self.missing(fact)


class DefendantOfCase(FromACourt[OfAHearing]):
    def index(self, matters: Matters, fact: Fact, body: OfAHearing) -> None:
        matters.index_heard(body.references, body.defendant)

    def paths(self, matters: Matters, fact: Fact, body: OfAHearing) -> Iterable[Path]:
        return matters.at_case(body.references, body.defendant)

    def beside(self, matters: Matters, body: OfAHearing) -> Iterable[Path]:
        """Those whom the orders of its case concern: it may take back what they rest on. Whom its offences are about is
        not known by that."""
        return matters.at_orders_of_case(body.references)


class OrdersOfHearing(FromACourt[OrdersResulted]):
    def index(self, matters: Matters, fact: Fact, body: OrdersResulted) -> None:
        matters.index_heard(body.references, body.defendant)
        made = [body.place_of(order) for order in body.orders if order.action in ("imposed", "replaced")]
        matters.orders.update(dict.fromkeys(made, (fact, body)))
        for name in of_case(body.references) if made else ():
            matters.made_in.setdefault(name, []).append((fact, body))
        matters.lines.update((body.place_of(order), fact) for order in body.orders)

    def paths(self, matters: Matters, fact: Fact, body: OrdersResulted) -> Iterable[Path]:
        return matters.at_orders(fact, body)

    def lacks(self, matters: Matters, fact: Fact, body: OrdersResulted, paths: Collection[Path]) -> str | None:
        return super().lacks(matters, fact, body, paths) if body.orders else None

    def names_for_people(self, body: OrdersResulted) -> list[str]:
        return [*super().names_for_people(body), *(str(Linked("order", body.place_of(order))) for order in body.orders)]

    def is_of(self, body: OrdersResulted, reference: str, case: References | None) -> bool:
        changed = {str(Linked("order", order.order)) for order in body.orders if order.order}
        return reference in changed or super().is_of(body, reference, case)


class ApplicationMade(FromACourt[ApplicationLodged]):
    def index(self, matters: Matters, fact: Fact, body: ApplicationLodged) -> None:
        matters.applications[body.application] = (fact, body)

    def paths(self, matters: Matters, fact: Fact, body: ApplicationLodged) -> Iterable[Path]:
        return matters.at_application_made(body)

    def names_for_people(self, body: ApplicationLodged) -> list[str]:
        return [str(Linked("application", body.application)), *super().names_for_people(body)]


class ApplicationFollowed(FromACourt[ApplicationWithdrawn]):
    def paths(self, matters: Matters, fact: Fact, body: ApplicationWithdrawn) -> Iterable[Path]:
        yield from matters.at_application(body.references, body.application)
        if made := matters.applications.get(body.application):
            yield from (path.after(made[0].id) for path in matters.at_application_made(made[1]))

    def names_for_people(self, body: ApplicationWithdrawn) -> list[str]:
        return [str(Linked("application", body.application)), *super().names_for_people(body)]


L = TypeVar("L", bound=Linking)


class OfALink(Way[L]):
    """What people say of one reference; of a case or order it waits where that case does."""

    def unlinked_file(self, own: str, body: L) -> FileKey:
        kind, _, name = own.partition(":")
        return _of_case_number(name) if kind in ("case", "order") else unlinked_key(own)


class PartiesOfLink(OfALink[LinkMade]):
    is_lead = True

    def index(self, matters: Matters, fact: Fact, body: LinkMade) -> None:
        matters.linked[fact.subject] = (fact, body)
        if body.what == "case":
            matters.index_lead(Lead(fact, case_of(body.reference), body.parties))

    def paths(self, matters: Matters, fact: Fact, body: LinkMade) -> Iterable[Path]:
        return matters.at_parties(body.parties)

    def lacks(self, matters: Matters, fact: Fact, body: LinkMade, paths: Collection[Path]) -> str | None:
        return None if body.parties and all(map(matters.knows, body.parties)) else self.missing(fact)

    def parties_named(self, body: LinkMade) -> tuple[PartyRef, ...]:
        return body.parties


class RefusalOfLink(OfALink[LinkRefused]):
    def index(self, matters: Matters, fact: Fact, body: LinkRefused) -> None:
        matters.refused[fact.subject] = fact

    def lacks(self, matters: Matters, fact: Fact, body: LinkRefused, paths: Collection[Path]) -> str | None:
        known = any(fact.subject in names_for_people(other) for other in matters.current)
        return None if known else self.missing(fact)


class ProtectedByOrder(Way[AttributionConfirmed]):
    also_unlinked = True
    is_lead = True

    def index(self, matters: Matters, fact: Fact, body: AttributionConfirmed) -> None:
        matters.attributions[body.order] = (fact, body)

    def paths(self, matters: Matters, fact: Fact, body: AttributionConfirmed) -> Iterable[Path]:
        yield from matters.at_parties(body.protects)
        yield from matters.at_order(body.order)

    def lacks(self, matters: Matters, fact: Fact, body: AttributionConfirmed, paths: Collection[Path]) -> str | None:
        if body.order not in matters.lines:
            return self.missing(fact)
        return None if all(map(matters.knows, body.protects)) else "no_incident"

    def unlinked_file(self, own: str, body: AttributionConfirmed) -> FileKey:
        return _of_case_number(body.order)

    def area(self, body: B) -> CaseArea | None:
        """Where the court case belongs that it is of."""
        return None

    def question(self, subject: str) -> str:
        return str(Linked("order", subject))

    def parties_named(self, body: AttributionConfirmed) -> tuple[PartyRef, ...]:
        return body.protects

    def order_asked_of(self, body: AttributionConfirmed) -> str | None:
        return body.order


class NotificationAnswered(Way[Any]):
    """Led by the notification that it answers, so by nothing here."""


WAYS: Mapping[type[Attachment], Way[Any]] = {
    attachments.PartiesOfIncident: PartiesOfIncident(),
    attachments.ChildrenOfIncident: ChildrenOfIncident(),
    attachments.ViewOfIncident: ViewOfIncident(),
    attachments.RecordsOfOnePerson: RecordsOfOnePerson(),
    attachments.ChargedParties: ChargedParties(),
    attachments.DefendantOfCase: DefendantOfCase(),
    attachments.OrdersOfHearing: OrdersOfHearing(),
    attachments.ApplicationMade: ApplicationMade(),
    attachments.ApplicationFollowed: ApplicationFollowed(),
    attachments.PartiesOfLink: PartiesOfLink(),
    attachments.RefusalOfLink: RefusalOfLink(),
    attachments.ProtectedByOrder: ProtectedByOrder(),
    attachments.NotificationAnswered: NotificationAnswered(),
}


def attachment_of(fact: Fact) -> Attachment:
    """How the fact's type is declared to attach to people."""
    return REGISTRY.facts[fact.kind].attachment


def way_of(fact: Fact) -> Way[Any]:
    """What its attachment means."""
    return WAYS[type(attachment_of(fact))]


def names_for_people(fact: Fact) -> list[str]:
    """The references by which a person may say what a charge or court fact is about."""
    return way_of(fact).names_for_people(fact.body)


def unlinked_file(fact: Fact) -> FileKey:
    """The unlinked file of a fact: a court fact is always there, whomever it concerns; any other waits there for its
    missing link."""
    own = REGISTRY.facts[fact.kind].own_reference(fact.subject)
    return unlinked_key(own) if fact.withdrawn else way_of(fact).unlinked_file(own, fact.body)


def _of_case_number(place: str) -> FileKey:
    """The unlinked file of a case's number, under which everything about its hearings and orders waits."""
    return UnlinkedFile("urn", read_case(place).number).key
