"""How facts attach to people: a closed set of ways. Each type of fact declares one of them.

The linking engine (`services/platform/domain/linking/ways.py`) has one class for each, which says whom it leads to.
`reads`: the fields or properties of a body that it needs.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Attachment:
    """One of the closed set below."""

    reads: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class OfAnIncident(Attachment):
    """Stated of one incident: the subject begins with its crime reference."""

    reads: ClassVar[tuple[str, ...]] = ("crime_reference",)


@dataclass(frozen=True, slots=True)
class PartiesOfIncident(OfAnIncident):
    """States the incident and its parties, and leads to everyone at it."""

    reads: ClassVar[tuple[str, ...]] = ("crime_reference", "parties", "force_code", "roles_unresolved")


@dataclass(frozen=True, slots=True)
class ChildrenOfIncident(OfAnIncident):
    """States the children of the incident, and leads to everyone at it."""

    reads: ClassVar[tuple[str, ...]] = ("crime_reference", "children", "stated_by")


@dataclass(frozen=True, slots=True)
class ViewOfIncident(OfAnIncident):
    """Says something about the incident or one of its parties, and leads to everyone at it once it is stated."""


@dataclass(frozen=True, slots=True)
class RecordsOfOnePerson(Attachment):
    """Says which records are one person's, and leads to each."""

    reads: ClassVar[tuple[str, ...]] = ("record", "merged")


@dataclass(frozen=True, slots=True)
class OfACase(Attachment):
    """Belongs to one defendant's court case."""

    reads: ClassVar[tuple[str, ...]] = ("references",)


@dataclass(frozen=True, slots=True)
class ChargedParties(OfACase):
    """Names the parties of incidents that a case is about, and leads the case's facts to them."""

    reads: ClassVar[tuple[str, ...]] = ("references", "offences")


@dataclass(frozen=True, slots=True)
class FromACourt(OfACase):
    """Said by a court: it also lies in the unlinked file of its case, whomever it leads to."""


@dataclass(frozen=True, slots=True)
class AtAHearing(FromACourt):
    """Said of one defendant at one hearing: the subject begins with the place of his case."""

    reads: ClassVar[tuple[str, ...]] = ("references", "hearing", "court_ou", "hearing_on", "defendant")


@dataclass(frozen=True, slots=True)
class DefendantOfCase(AtAHearing):
    """Leads to the parties of the defendant's charges and links; lies with those whom orders of his case concern."""


@dataclass(frozen=True, slots=True)
class OrdersOfHearing(AtAHearing):
    """Leads as well to those whom the orders protect, and those whom the orders that it changed concern."""

    reads: ClassVar[tuple[str, ...]] = (*AtAHearing.reads, "orders", "place_of")


@dataclass(frozen=True, slots=True)
class Application(FromACourt):
    """Concerns an application to a court, by the case and by what people link."""

    reads: ClassVar[tuple[str, ...]] = ("references", "application")


@dataclass(frozen=True, slots=True)
class ApplicationMade(Application):
    """Makes the application: leads as well to those whom the order that it is about concerns."""

    reads: ClassVar[tuple[str, ...]] = ("references", "application", "order")


@dataclass(frozen=True, slots=True)
class ApplicationFollowed(Application):
    """Follows an application: leads also wherever the application leads."""


@dataclass(frozen=True, slots=True)
class SaidOfAMatter(Attachment):
    """An agency's statement about a matter of which others spoke. It counts only if that agency may speak about the
    matter."""


@dataclass(frozen=True, slots=True)
class Link(SaidOfAMatter):
    """About one reference. Subject: `<what>/<reference>`."""

    reads: ClassVar[tuple[str, ...]] = ("what", "reference")


@dataclass(frozen=True, slots=True)
class PartiesOfLink(Link):
    """Names the parties that the reference is about, and leads its facts to them."""

    reads: ClassVar[tuple[str, ...]] = ("what", "reference", "parties")


@dataclass(frozen=True, slots=True)
class RefusalOfLink(Link):
    """Says that the reference is about nobody here; it is in the same file as the facts of that reference."""


@dataclass(frozen=True, slots=True)
class ProtectedByOrder(SaidOfAMatter):
    """Names the parties whom an order protects. Subject: the order's place."""

    reads: ClassVar[tuple[str, ...]] = ("order", "protects")


@dataclass(frozen=True, slots=True)
class NotificationAnswered(Attachment):
    """Led by the notification that it answers, and by no reference."""

    reads: ClassVar[tuple[str, ...]] = ("notification",)
