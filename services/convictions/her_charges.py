"""The charges in a victim's file, at each of her places that they are about."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.classes import DataClass
from schemas.police_incidents.v1 import ChargePreferred
from services.convictions.missed import HerFile
from services.platform.domain.core.duties import Item
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.people.victims import Victim


class HerCharge(NamedTuple):
    """A charge that names offences against her. `matter`: the case, and with what he is charged."""

    fact: Fact
    charge: ChargePreferred
    victim: Victim
    matter: tuple[Item, ...]


def her_charges(hers: HerFile) -> Iterator[HerCharge]:
    """Each charge, once for each of her places that an offence of it is about."""
    for fact, charge in hers.file.of(ChargePreferred):
        for place in sorted(hers.matters.places):
            victim = hers.matters.victims[place]
            against_her = [
                f"{one.sequence} {one.code}"
                for one in charge.offences
                if one.crime_reference == victim.incident.crime_reference and victim.party.number in one.parties
            ]
            if against_her:
                charged = (
                    item for each in against_her for item in derived("charged_as", each, DataClass.O, basis="alleged")
                )
                yield HerCharge(fact, charge, victim, (*show(fact, "references"), *charged))
