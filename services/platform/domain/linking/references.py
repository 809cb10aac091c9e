"""What a fact refers to: the matters that it belongs to, by the references that police, courts and agencies give."""

from collections.abc import Iterable
from functools import singledispatch
from typing import NamedTuple

from schemas import identifiers
from schemas.agency_responses.v1 import AttributionConfirmed, Linking, LinkMade
from schemas.court_convictions.v1 import HearingResulted
from schemas.court_order_variations.v1 import (
    ApplicationDecided,
    ApplicationLodged,
    ApplicationWithdrawn,
    OrdersResulted,
)
from schemas.police_incidents.v1 import ChargePreferred, PersonsMerged
from schemas.values import Body, References
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.defendants import MADE_HERE

CRIME, PERSON = "crime:", "person:"
Identity = tuple[str, ...]  # what it is, in what, and its value
OF_AN_INCIDENT = frozenset(f"uk.police.{name}" for name in ("incident-reported", "risk-assessed", "children-linked"))


def references(fact: Fact) -> frozenset[str]:
    """The matter references that a fact names, itself included: what must be locked together with it.

    Identity references (record ids) are left out: they lead to persons, and a person has many matters. Merges
    alone name them, to be found by one another.
    """
    return frozenset({_own(fact), *named(fact.body)})


def crimes(fact: Fact) -> frozenset[str]:
    """The crime references that a fact names."""
    if fact.kind in OF_AN_INCIDENT:  # most are, and are asked for at every evaluation
        return frozenset({fact.subject.partition("/")[0]})
    return frozenset(name.removeprefix(CRIME) for name in references(fact) if name.startswith(CRIME))


def unlinked_file(fact: Fact) -> str:
    """The one file where a court fact lies whoever it concerns, and where any other waits for its missing link."""
    kind, _, name = _own(fact).partition(":")
    match fact.body:
        case (
            HearingResulted()
            | OrdersResulted()
            | ApplicationLodged()
            | ApplicationWithdrawn()
            | ApplicationDecided()
            | ChargePreferred()
        ):
            return f"unlinked:{next(iter(of_case(fact.body.references)), _own(fact))}"
        case AttributionConfirmed() | Linking() if kind in ("case", "order"):
            return f"unlinked:urn:{name.partition('/')[0]}"
        case _:
            return f"unlinked:{kind}:{name}"


@singledispatch
def named(_body: Body) -> Iterable[str]:
    """The references in a body."""
    return ()


@named.register
def _(body: ChargePreferred) -> Iterable[str]:
    yield from of_case(body.references)
    yield from (f"{CRIME}{offence.crime_reference}" for offence in body.offences)


@named.register
def _(body: PersonsMerged) -> Iterable[str]:
    return (f"{PERSON}{record.system}/{record.id}" for record in (body.record, *body.merged))


@named.register(HearingResulted)
@named.register(ApplicationWithdrawn)
@named.register(ApplicationDecided)
def _(body: HearingResulted | ApplicationWithdrawn | ApplicationDecided) -> Iterable[str]:
    return of_case(body.references)


@named.register
def _(body: OrdersResulted) -> Iterable[str]:
    yield from of_case(body.references)
    for order in body.orders:
        yield f"order:{body.place_of(order)}"
        if order.order:
            yield f"order:{order.order}"
        yield from (f"{CRIME}{p.party.crime_reference}" for p in order.protected_persons if p.party)


@named.register
def _(body: ApplicationLodged) -> Iterable[str]:
    yield from of_case(body.references)
    if body.order:
        yield f"order:{body.order}"


@named.register
def _(body: Linking) -> Iterable[str]:
    if body.what != "application":
        yield from of_case(case_of(body.reference))
    if isinstance(body, LinkMade):
        yield from (f"{CRIME}{party.crime_reference}" for party in body.parties)


@named.register
def _(body: AttributionConfirmed) -> Iterable[str]:
    yield from of_case(case_of(body.order))
    yield from (f"{CRIME}{party.crime_reference}" for party in body.protects)


def of_case(refs: References) -> Iterable[str]:
    """Each of the four that a case is known by, URN first. One that cannot be read leads to nobody."""
    known = {
        "urn": refs.leading_urn,
        "asn": refs.leading_asn,
        "defendant": refs.defendant_id,
        "court_case": refs.court_case,
    }
    return (f"{kind}:{name}" for kind, name in known.items() if name)


def case_of(place: str) -> References:
    """`<urn>/<asn or defendant id>/...` as references; which of the two the second is cannot be told from it."""
    urn, _, rest = place.partition("/")
    second = rest.partition("/")[0]
    known = second if second not in ("", "-") else None
    unnamed = urn == "-"
    return References(
        urn=None if unnamed else urn,
        asn=known,
        defendant_id=known,
        court_case="-" if unnamed and not known else None,
    )


class CaseArea(NamedTuple):
    """Where a court case belongs: the forces that it names, the likeliest first, and its court."""

    forces: tuple[str, ...]
    court_ou: str | None


def area_of_case(refs: References, force_code: str | None = None, court_ou: str | None = None) -> CaseArea:
    """As a fact states it, else by its URN, its ASN or the court that sat."""
    court_ou = court_ou or refs.court_ou
    stated = (force_code,) if force_code else ()
    return CaseArea((*stated, *identifiers.forces(refs.urn, refs.asn, court_ou)), court_ou)


def case_of_hearing(hearing: str) -> str:
    """`<urn>/<asn or defendant id>`: one defendant's case, whichever court heard it and when."""
    return "/".join(hearing.split("/")[:2])


def case_names(refs: References) -> Iterable[str]:
    """The names by which people may link this case: `<urn>/<asn>`, `<urn>/<defendant id>`."""
    number = refs.urn or refs.court_case or "-"
    seconds = [second for second in (refs.asn, refs.defendant_id) if second]
    return (identifiers.case(f"{number}/{second}") for second in seconds or ["-"])


def same_case(lead: References, fact: References) -> bool:
    """URN and ASN, or URN and defendant id; where either gives no URN the ASN alone, which is one defendant's."""
    if lead.leading_urn and fact.leading_urn and lead.urn != fact.urn:
        return False
    return not defendant_ids(lead).isdisjoint(defendant_ids(fact))


def defendant_ids(refs: References) -> frozenset[Identity]:
    """By what the references of two facts show one defendant: an ASN is one man's, and so is a name that the relay
    made; any other defendant's number counts within its case alone, for courts number theirs alike."""
    found: set[Identity] = {("asn", refs.leading_asn)} if refs.leading_asn else set()
    cases = {"urn": refs.leading_urn, "court_case": refs.court_case}
    found |= {
        ("defendant_id", kind, case, refs.defendant_id) for kind, case in cases.items() if case and refs.defendant_id
    }
    if refs.defendant_id and refs.defendant_id.startswith(MADE_HERE):
        found.add(("defendant_id", refs.defendant_id))
    return frozenset(found)


def _own(fact: Fact) -> str:
    """The reference that every version of a statement shares, a withdrawn one too: it is in the subject."""
    what, _, reference = fact.subject.partition("/")
    match fact.kind.rpartition(".")[2]:
        case "incident-reported" | "risk-assessed" | "children-linked":
            return f"{CRIME}{what}"
        case "persons-merged":
            return f"{PERSON}{fact.subject}"
        case "charge-preferred":
            return f"charge:{fact.subject}"
        case "hearing-resulted" | "orders-resulted":
            return f"hearing:{fact.subject}"
        case "application-lodged" | "application-withdrawn" | "application-decided":
            return f"application:{fact.subject}"
        case "link-made" | "link-refused":
            return f"{what}:{reference}"
        case "attribution-confirmed":
            return f"order:{fact.subject}"
        case _:
            return f"notification:{fact.subject}"
