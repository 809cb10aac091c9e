"""The person of a file as a victim: her places, what is about them, and whose areas choose agencies."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from schemas.agency_responses.v1 import LinkMade
from schemas.court_convictions.v1 import Defendant, HearingResulted, ResultedOffence, Verdict
from schemas.places import Place, party_place
from schemas.police_incidents.v1 import (
    AbuseType,
    ChargedOffence,
    ChargePreferred,
    IncidentReported,
    Party,
    RiskAssessed,
)
from schemas.values import Residence, Role
from services.platform.domain.core.duties import Item
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.matter import show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies
from services.platform.domain.linking.charged import Counts
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Areas

HONOUR_BASED = frozenset({AbuseType.HBA, AbuseType.FM, AbuseType.FGM})
DESKS_OF_HELD = {
    Reason.SUSPECT_IS_POLICE: "held_suspect_is_police",
    Reason.HONOUR_BASED_ABUSE: "held_honour_based_abuse",
    Reason.ROLES_UNRESOLVED: "held_roles_unresolved",
}

READ_OF_MATTERS: Bodies = (IncidentReported, ChargePreferred, LinkMade)  # by `Matters`

FOR_A_SPECIALIST = (DESKS_OF_HELD[Reason.SUSPECT_IS_POLICE], DESKS_OF_HELD[Reason.HONOUR_BASED_ABUSE])


@dataclass(frozen=True, slots=True)
class Victim:
    """Her, at one place of one incident. `index`: her position among the incident's parties."""

    place: Place
    fact: Fact
    incident: IncidentReported
    party: Party
    index: int

    @property
    def held(self) -> Reason | None:
        """Why ordinary routes wait for the desk that policy names, or None."""
        return held(self.incident)

    def areas(self, court_ou: str | None = None, defendant: Defendant | None = None) -> Areas:
        """Her area, the case's, and his: where the court says that he lives, else where the police do."""
        suspects = (party.residence for party in self.incident.parties if party.role is Role.SUSPECT)
        his = next(suspects, Residence())
        if defendant is not None and (defendant.residence.force or defendant.residence.la_code):
            his = defendant.residence
        return Areas(victim=self.party.residence, suspect=his, case_force=self.incident.force_code, court_ou=court_ou)

    def named(self) -> tuple[Item, ...]:
        """Who she is and which incident it was, for those who may know."""
        party = f"parties.{self.index}"
        return (
            *show(self.fact, "crime_reference"),
            *show(self.fact, f"{party}.name"),
            *show(self.fact, f"{party}.date_of_birth"),
            *show(self.fact, "risk.grade", about=self.place),
        )


@dataclass(frozen=True)
class Matters:
    """A person's file, seen from her."""

    file: CaseFile

    @cached_property
    def victims(self) -> Mapping[str, Victim]:
        """Her places."""
        found: dict[str, Victim] = {}
        for fact, incident in self.file.of(IncidentReported):
            for place, index in places_of_victims(incident).items():
                if place in self.file.own_places:
                    found[place] = Victim(place, fact, incident, incident.parties[index], index)
        return found

    @cached_property
    def places(self) -> frozenset[Place]:
        return frozenset(her.place for her in self.victims.values())

    @cached_property
    def _by_id(self) -> Mapping[str, Fact]:
        return {fact.id: fact for fact in self.file.facts}

    def charges(self, fact: Fact) -> Iterator[tuple[Fact, ChargePreferred]]:
        """The charges that lead from a court fact to her."""
        for link in self._led_by(fact):
            if isinstance(link.body, ChargePreferred):
                yield link, link.body

    def victims_of(self, fact: Fact) -> tuple[Victim, ...]:
        """Her places that a court fact is about: those that charges name, else the one to which a person linked it."""
        charged = {place for _, charge in self.charges(fact) for one in charge.offences for place in _places(one)}
        return self._at(charged & self.places) or self._linked(fact)

    def victims_of_offence(self, fact: Fact, offence: ResultedOffence) -> tuple[Victim, ...]:
        """Her places that one offence of a hearing is about.

        A charge says so for each offence. A link that a person made says so for the whole case; then only her first
        place counts, so that nobody is told of one offence twice. An offence of which he was convicted before the
        incident happened is another offence, unless a charge names it or he was not charged here.
        """
        counts = self._counts(fact)
        if charged := self._at(_places_of(counts.of(offence)) & self.places):
            return charged
        since = self._at(_places_of(counts.on_the_same_count(offence)) & self.places) or self._linked(fact)
        if not any(True for _ in self.charges(fact)):
            return since
        return tuple(victim for victim in since if not convicted_before(offence, victim))

    def perhaps_victims_of(self, fact: Fact, offence: ResultedOffence) -> tuple[Victim, ...]:
        """Her places that one offence of a hearing may be about: its sequence is that of the charge, or its code, and
        not both."""
        return self._at(_places_of(self._counts(fact).perhaps(offence)) & self.places)

    def perhaps_charged(self, fact: Fact, offence: ResultedOffence, victim: Victim) -> tuple[ChargedOffence, ...]:
        """The charged offences against her that it may be."""
        return tuple(one for one in self._counts(fact).perhaps(offence) if victim.place in _places(one))

    def _at(self, places: AbstractSet[str]) -> tuple[Victim, ...]:
        return tuple(self.victims[place] for place in sorted(places))

    def _linked(self, fact: Fact) -> tuple[Victim, ...]:
        """The first of her places among those to which a person has linked this fact or its case."""
        made = (link.body for link in self._led_by(fact) if isinstance(link.body, LinkMade))
        return self._at(self.places & {party.place for body in made for party in body.parties})[:1]

    def _counts(self, fact: Fact) -> Counts:
        if fact.id not in self._counts_of:
            charged = (one for _, charge in self.charges(fact) for one in charge.offences)
            resulted = fact.body.offences if isinstance(fact.body, HearingResulted) else ()
            self._counts_of[fact.id] = Counts(charged, resulted)
        return self._counts_of[fact.id]

    @cached_property
    def _counts_of(self) -> dict[str, Counts]:
        return {}

    def suspects_of(self, facts: Iterable[Fact]) -> frozenset[FileKey]:
        """Whom the charges, and the links that people made, that lead from these facts to her name as suspects."""
        named: set[Place] = set()
        for link in (link for fact in facts for link in self._led_by(fact)):
            match link.body:
                case ChargePreferred() as charge:
                    named |= {place for offence in charge.offences for place in _places(offence)}
                case LinkMade() as made:
                    named |= {party.place for party in made.parties}
                case _:
                    pass
        return frozenset(self.file.persons[place] for place in named & self._places_of_suspects)

    @cached_property
    def _places_of_suspects(self) -> frozenset[Place]:
        return frozenset(
            party_place(incident.crime_reference, party.number)
            for _, incident in self.file.of(IncidentReported)
            for party in incident.parties
            if party.role is Role.SUSPECT
        )

    def linked_by_hand(self, fact: Fact, what: str) -> frozenset[Place]:
        """Her places to which a person has linked this fact by its own reference, not by its case."""
        made = (link.body for link in self._led_by(fact) if isinstance(link.body, LinkMade))
        return self.places & {party.place for body in made if body.what == what for party in body.parties}

    def protected(self, places: frozenset[str], fact: Fact) -> Victim | None:
        """Her, where she is one of these: the place that speaks for the others in what concerns this court fact."""
        hers = [self.victims[place] for place in sorted(places & self.places)]
        led_to = self.victims_of(fact)
        waits = {her.place: her.held for her in hers if her in led_to}
        return max(hers, key=lambda her: speaks_for(fact, her.place, her.incident.reported_at, waits), default=None)

    def _led_by(self, fact: Fact) -> Iterator[Fact]:
        return (self._by_id[link] for link in self.file.links.get(fact.id, ()) if link in self._by_id)


def convicted_before(offence: ResultedOffence, victim: Victim) -> bool:
    """Whether he was convicted of it before that incident happened, and so of another offence."""
    on = offence.verdict_date
    return offence.verdict is Verdict.CONVICTED and on is not None and on < london_day(victim.incident.occurred_from)


def held(incident: IncidentReported) -> Reason | None:
    """Why a court's fact in this matter goes to one desk alone: a specialist's, or the one that resolves the roles."""
    return kept_for_specialist(incident) or (Reason.ROLES_UNRESOLVED if incident.roles_unresolved else None)


def kept_for_specialist(incident: IncidentReported) -> Reason | None:
    """Why ordinary routes wait for a specialist. A suspect who is police comes first: the home force is never told."""
    if any(party.is_police and party.role is not Role.VICTIM for party in incident.parties):
        return Reason.SUSPECT_IS_POLICE
    if HONOUR_BASED.intersection(incident.abuse_types):
        return Reason.HONOUR_BASED_ABUSE
    return None


def held_of(file: CaseFile, links: tuple[str, ...]) -> Reason | None:
    """Why the desk that policy names is asked in place of the DAIT: by any incident that a fact leads to, `links`."""
    reasons = {held(incident) for fact, incident in file.of(IncidentReported) if fact.id in links}
    return next((reason for reason in DESKS_OF_HELD if reason in reasons), None)


def places_of_victims(incident: IncidentReported) -> Mapping[Place, int]:
    """The places of those who may be victims, each with its index among the parties. While roles are unresolved, every
    party may be one."""
    return {
        party_place(incident.crime_reference, party.number): index
        for index, party in enumerate(incident.parties)
        if party.role is not Role.SUSPECT
    }


def speaks_for(
    fact: Fact, place: Place, since: datetime, led_to: Mapping[Place, Reason | None]
) -> tuple[bool, int, bool, float]:
    """Choose the incident whose agencies receive this court event: the greatest key wins.

    `led_to`: the places to which the fact leads, each with the reason why its ordinary routes wait; their agencies know
    of the case. A restricted one among them wins, because the others must not be told in its place. Otherwise the
    newest that was reported by then: what is reported later changes nothing.
    """
    known, reason = since <= fact.body.occurred_at, led_to.get(place)
    waits = len(DESKS_OF_HELD) - list(DESKS_OF_HELD).index(reason) if reason is not None else 0
    return place in led_to, waits, known, since.timestamp() if known else -since.timestamp()


def later_views(file: CaseFile) -> dict[str, list[tuple[Fact, RiskAssessed]]]:
    """Later assessments, by the place of the party whom they are about."""
    later: dict[str, list[tuple[Fact, RiskAssessed]]] = {}
    for fact, view in file.of(RiskAssessed):
        later.setdefault(party_place(view.crime_reference, view.party), []).append((fact, view))
    return later


def _places_of(offences: Iterable[ChargedOffence]) -> frozenset[Place]:
    return frozenset(place for one in offences for place in _places(one))


def _places(offence: ChargedOffence) -> Iterator[Place]:
    return (party_place(offence.crime_reference, number) for number in offence.parties)
