"""Hide matters in which a suspect is police from ops and from all who were not told of them.

Ops and the desks of his force are barred from such a matter (domain.md 1.12 rule 5): any name in it leads to nothing,
in the same words as a name that nobody ever used. Agencies outside his force that were told before it was known that he
is police still read what they were told. The desk that policy names in his force's place, and audit, read everything.
"""

from collections.abc import Iterable
from dataclasses import replace

from services.ops.explanation import AUDIT, OPS, Material, Reader
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import Key
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.subjects import names_crime
from services.platform.domain.people.victims import DESKS_OF_HELD
from services.platform.policy.policy import Policy

HIS_DESKS = DESKS_OF_HELD[Reason.SUSPECT_IS_POLICE]
ServiceKey = tuple[str, Key]


def existing(material: Material, reader: Reader, policy: Policy) -> Material | None:
    """The material that exists for this reader; None if nothing is left of what was asked about. Refused and unread
    records may be about the same matter, so they are left out with it."""
    if not material.police.crimes or not _is_barred(material, reader):
        return material
    own = frozenset(_delivered_before(material, reader, policy))
    read = {
        i
        for issued in material.issued
        if (issued.service, issued.notification.key) in own
        for i in issued.notification.grounds
    }
    hidden = material.police.facts - read
    delivered = {
        which: n for which, n in material.delivered.items() if which in own or not _rests_on(material, n.grounds, n.key)
    }
    left = replace(
        material,
        about=None if material.about is None else material.about - hidden,
        keys=None if material.keys is None else frozenset(key for _, key in delivered) & material.keys,
        versions=tuple(version for version in material.versions if version.id not in hidden),
        issued=tuple(issued for issued in material.issued if (issued.service, issued.notification.key) in delivered),
        delivered=delivered,
        evaluations=tuple(
            replace(evaluation, facts=[fact for fact in evaluation.facts if fact not in hidden])
            for evaluation in material.evaluations
            if not evaluation.facts or not hidden.issuperset(evaluation.facts)
        ),
        kept=tuple(k for k in material.kept if not _rests_on(material, k.withheld.grounds, k.withheld.key)),
        unexplained={which: since for which, since in material.unexplained.items() if which in delivered},
        answers=tuple(answer for answer in material.answers if (answer.service, answer.key) in delivered),
        refused=(),
        ends=(),
        owed={
            which: d for which, d in material.owed.items() if which in own or not _rests_on(material, d.grounds, d.key)
        },
    )
    asked_about = left.keys if left.keys is not None else left.about
    nothing = asked_about is not None and not asked_about
    return None if nothing or not (left.versions or left.delivered or left.kept) else left


def _is_barred(material: Material, reader: Reader) -> bool:
    return reader.role != AUDIT and not any(
        notification.why.route == HIS_DESKS and notification.state != "withdrawn" and _is_reader(notification, reader)
        for notification in material.delivered.values()
    )


def _delivered_before(material: Material, reader: Reader, policy: Policy) -> Iterable[ServiceKey]:
    """The duties that an agency outside his force was told. By the kind alone it is not known whether an agency is
    outside."""
    agency = policy.agency(reader.agency) if reader.agency is not None else None
    if agency is None or (agency.forces & material.police.forces and not policy.kind(agency.kind).outward):
        return ()
    return [which for which, notification in material.delivered.items() if _is_reader(notification, reader)]


def _is_reader(notification: Notification, reader: Reader) -> bool:
    if reader.agency is not None:
        return notification.key.agency == reader.agency
    return reader.role != OPS and notification.agency_kind == reader.role


def _rests_on(material: Material, grounds: Iterable[str], key: Key) -> bool:
    """Whether it is of such a matter: by its facts, or by the place in its subject, an escalation step's within the
    duty's key."""
    return bool(material.police.facts.intersection(grounds)) or any(
        names_crime(key.subject, crime) for crime in material.police.crimes
    )
