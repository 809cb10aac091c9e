"""What a fact refers to: the matters that it belongs to, by the references that police, courts and agencies give."""

from collections.abc import Iterable
from typing import NamedTuple

from schemas import identifiers
from schemas.matters import crimes_in
from schemas.places import NONE, case_place, read_case
from schemas.streams import REGISTRY
from schemas.values import References
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.defendants import MADE_HERE

Identity = tuple[str, ...]  # what it is, in what, and its value


def references(fact: Fact) -> frozenset[str]:
    """The matter references that a fact names, itself included: what must be locked together with it.

    Identity references (record ids) are left out: they lead to persons, and a person has many matters. Merges
    alone name them, to be found by one another.
    """
    declared = REGISTRY.facts[fact.kind]
    named = () if fact.withdrawn else declared.names(fact.body)
    return frozenset({declared.own_reference(fact.subject), *named})


def crimes(fact: Fact) -> frozenset[str]:
    """The crime references that a fact names."""
    return frozenset(crimes_in(references(fact)))


class CaseArea(NamedTuple):
    """Where a court case belongs: the forces that it names, the likeliest first, and its court."""

    forces: tuple[str, ...]
    court_ou: str | None


def area_of_case(refs: References, force_code: str | None = None, court_ou: str | None = None) -> CaseArea:
    """The area of a case: as a fact states it, else by its URN, its ASN or the court that sat."""
    court_ou = court_ou or refs.court_ou
    stated = (force_code,) if force_code else ()
    return CaseArea((*stated, *identifiers.forces(refs.urn, refs.asn, court_ou)), court_ou)


def case_of_hearing(hearing: str) -> str:
    """`<urn>/<asn or defendant id>`: one defendant's case, whichever court heard it and when."""
    return str(read_case(hearing))


def case_number(place: str) -> str:
    """`<urn or court case>` of a case, a hearing or an order."""
    return read_case(place).number


def case_names(refs: References) -> Iterable[str]:
    """The names by which people may link this case: `<urn>/<asn>`, `<urn>/<defendant id>`."""
    number = refs.urn or refs.court_case or NONE
    seconds = [second for second in (refs.asn, refs.defendant_id) if second]
    return (case_place(number, second) for second in seconds or [NONE])


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
