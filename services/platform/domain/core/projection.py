"""Who may see what: the one allow-list that every notification and every explanation goes through (DPA 2018 s.62)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from schemas.classes import DataClass, Form
from schemas.places import crime_of
from services.platform.domain.core.duties import Content, Duty, Item, Notification
from services.platform.domain.core.matter import person_place
from services.platform.domain.core.reconcile import Projection
from services.platform.policy.model import Grant
from services.platform.policy.policy import Policy

VICTIM_SERVICE = "the victim's support service"
# Fixed texts that speak of items, which not all may see, by how those begin.
SAID_OF = {"indicators": "indicator.", "sender_knows_how": "safe_contact"}


@dataclass(frozen=True)
class Case:
    """Whose duty it is, for grants that speak of the subject, of own pupils or of the case."""

    person: str
    same_person: frozenset[str] = frozenset()

    def is_subject(self, place: str) -> bool:
        return place == self.person or place in self.same_person

    def holds(self, place: str) -> bool:
        """Whether the place is in a matter in which this person stands."""
        return crime_of(place) in self.matters

    @cached_property
    def matters(self) -> frozenset[str]:
        return frozenset({crime_of(own) for own in (self.person, *self.same_person)})


def project(duty: Duty, policy: Policy) -> Projection:
    """What the duty's agency may see of it, and the fixed texts that go with that.

    The grants are those of the agency's kind and its own. Only items that no grant covers are left out. Each item
    carries its basis (DPA 2018 s.38). Texts about items that are left out are left out too, because they would tell of
    them.
    """
    agency = policy.agency(duty.key.agency)
    extra = () if agency is None else agency.extra_grants
    grants = _by_class((*policy.kind(duty.kind).grants, *extra))
    case = Case(duty.person, frozenset(duty.same_person))
    shown = [item for item in duty.matter if allowed(item, grants.get(item.data_class, ()), case)]
    named = _that_fit(duty.texts, [item.what for item in shown])
    return Projection(
        tuple((item.what, item.about, item.value, item.basis) for item in shown),
        policy.texts_for(duty.kind, named),
    )


def words_when_over(notification: Notification, policy: Policy) -> tuple[str, ...]:
    """The fixed texts of a notification that closes or takes back: nothing that invites to act on what was told."""
    named = _that_fit(notification.texts, [line[0] for line in notification.content])
    return policy.texts_when_over(notification.agency_kind, named)


def _that_fit(texts: Iterable[str], said: Collection[str]) -> Iterator[str]:
    """Without words about items that are not said: they would tell of them."""
    return (code for code in texts if code not in SAID_OF or any(what.startswith(SAID_OF[code]) for what in said))


def _by_class(grants: Iterable[Grant]) -> Mapping[DataClass, Sequence[Grant]]:
    found: dict[DataClass, list[Grant]] = {}
    for grant in grants:
        found.setdefault(grant.data_class, []).append(grant)
    return found


def allowed(item: Item, grants: Iterable[Grant], case: Case) -> bool:
    """Whether some grant covers this item's class, form and person."""
    for grant in grants:
        covered = grant.data_class is item.data_class and grant.form in (Form.FULL, item.form)
        if covered and _about_whom(grant, item.about, case):
            return True
    return False


def _about_whom(grant: Grant, about: str | None, case: Case) -> bool:
    """What is about no person (an order, a hearing, the incident itself) belongs to the matter, which the duty is
    about.

    A pupil is always named: what is said of no particular child is not about a school's own pupil.
    """
    of_a_person = about is not None and person_place(about)
    match grant.whose:
        case "any":
            return True
        case "own_pupils":
            return about is not None and of_a_person and case.is_subject(about)
        case "subject":
            return about is None or not of_a_person or case.is_subject(about)
        case "case":
            return about is None or not of_a_person or case.holds(about)


@dataclass(frozen=True, slots=True)
class Shown:
    """One recipient, and what a reader may know of its notification."""

    recipient: str
    content: Content


def project_explanation(
    notification: Notification, duty: Duty | None, role: str, agency: str | None, policy: Policy
) -> Shown:
    """A notification as it is explained to a kind of agency, at one agency if that is known.

    The list of recipients is class L (it can show a refuge, or a service in another area). So only the recipient reads
    its own name; all others read its kind, and for those who serve the victim only that her support service was told. A
    reader sees the content that its own role is granted. Only the duty knows the classes: without it an agency sees its
    own notification, and nobody else sees anything.
    """
    if agency is not None and agency == notification.key.agency:
        return Shown(agency, notification.content)
    seen: set[tuple[str, str | None]] = set()
    if duty is not None:
        case = Case(duty.person, frozenset(duty.same_person))
        grants = policy.kind(role).grants
        seen = {(item.what, item.about) for item in duty.matter if allowed(item, grants, case)}
    content = tuple(line for line in notification.content if (line[0], line[1]) in seen)
    return Shown(recipient_label(notification.agency_kind, policy), content)


def recipient_label(kind: str, policy: Policy) -> str:
    """What others may know of a recipient: never which service of hers, wherever she lives."""
    row = policy.kind(kind)
    return VICTIM_SERVICE if row.supports_victims else row.title
