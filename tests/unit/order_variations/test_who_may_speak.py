"""Only an agency that works on her case may say whom an order protects or what a case is about; in a matter whose
ordinary routes wait, only the desks that are told in their place (domain 1.12 rules 5, 7 and 11)."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from schemas.agency_responses.v1 import WithdrawnByAgency
from schemas.court_order_variations.v1 import Attribution, ProtectedPerson
from schemas.police_incidents.v1 import AbuseType, IncidentReported
from schemas.values import PartyRef, Role
from services.order_variations.rules import RULES
from services.platform.domain.core.duties import Content
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.linking.links import files_of
from services.platform.domain.linking.speaking import MAY_NOT_SPEAK, speakers
from tests.support import builders as b
from tests.unit.domain.small import World

NOW = b.NOON + timedelta(days=1)
DESKS_FOR_POLICE = {"psd-54", "out-of-force-desk-54"}
ORDER = b.fact(b.orders_resulted(b.order(protected_persons=(b.protected(),))))


BY_RECORD = ProtectedPerson(role="victim", record=b.record("victim-1"), attribution=Attribution.CODED)


def taken_back_by(agency: str) -> WithdrawnByAgency:
    return WithdrawnByAgency(occurred_at=NOW, agency=agency, actor="worker-1", withdrawn=True)


def police_suspect(**over: Any) -> IncidentReported:
    return b.incident(parties=(b.victim(), b.suspect(is_police=True)), **over)


def unresolved(**over: Any) -> IncidentReported:
    parties = (b.victim(role=Role.UNRESOLVED), b.suspect(role=Role.UNRESOLVED))
    return b.incident(parties=parties, primary_perpetrator="unresolved", **over)


def honour_based(**over: Any) -> IncidentReported:
    return b.incident(abuse_types=(AbuseType.HBA,), **over)


def matter(incident: IncidentReported) -> tuple[Fact, ...]:
    return b.fact(incident), b.fact(b.charge()), b.fact(b.hearing()), ORDER


def world(*facts: Fact) -> World:
    found = World(b.shipped(), RULES)
    found.read_to = NOW + timedelta(days=1)
    found.evaluate(*facts, now=NOW)
    return found


def told_of(found: World, rule: str) -> dict[str, str]:
    return {key.agency: n.state for key, n in found.delivered.items() if key.rule == rule}


def later(body: Any, minutes: int = 1) -> Fact:
    return b.fact(body, at=NOW + timedelta(minutes=minutes))


def test_the_team_of_an_officer_who_is_suspect_cannot_end_what_the_desks_were_told() -> None:
    found = world(*matter(police_suspect()))
    assert told_of(found, "order_imposed") == dict.fromkeys(DESKS_FOR_POLICE, "live")
    for said in (
        b.attribution(agency="dait-54"),
        b.attribution(b.party_ref(), agency="dait-54"),
        b.attribution(b.party_ref(2), agency="dait-supervisor-54"),
        b.link_made(agency="dait-54"),
        b.link_refused(agency="dait-54"),
        b.link_refused(agency="cps-westmarch"),
        b.link_refused(agency="psd-53"),
    ):
        assert found.evaluate(later(said), now=NOW + timedelta(minutes=2)) == []
    assert told_of(found, "order_imposed") == dict.fromkeys(DESKS_FOR_POLICE, "live")


@pytest.mark.parametrize("desk", sorted(DESKS_FOR_POLICE))
def test_a_desk_that_was_told_may_say_whom_the_order_protects(desk: str) -> None:
    found = world(*matter(police_suspect()))
    found.evaluate(later(b.attribution(agency=desk)), now=NOW + timedelta(minutes=2))
    assert told_of(found, "order_imposed") == dict.fromkeys(DESKS_FOR_POLICE, "closed")


@pytest.mark.parametrize(
    ("incident", "may", "may_not"),
    [
        (b.incident(), "dait-54", "dait-53"),
        (b.incident(), "dait-supervisor-54", "default-dait"),
        (honour_based(), "specialist-desk-54", "dait-54"),
        (unresolved(), "dait-supervisor-54", "dait-54"),
        (police_suspect(), "psd-54", "specialist-desk-54"),
    ],
)
def test_only_the_agencies_of_her_case_may_speak_about_it(incident: IncidentReported, may: str, may_not: str) -> None:
    before = world(*matter(incident)).held()
    refused = world(*matter(incident), later(b.attribution(agency=may_not)))
    assert refused.held() == before
    heard = world(*matter(incident), later(b.attribution(agency=may)))
    assert heard.held() != before


def test_the_team_of_the_force_in_which_she_lives_may_speak_too() -> None:
    elsewhere = b.incident(parties=(b.victim(residence=b.residence(force="53", la_code=None)), b.suspect()))
    before = world(*matter(elsewhere)).held()
    assert world(*matter(elsewhere), later(b.attribution(agency="dait-53"))).held() != before


def test_what_another_says_later_takes_nothing_from_what_a_desk_said() -> None:
    unnamed = b.fact(b.orders_resulted(b.order()))
    case = (*matter(police_suspect())[:3], unnamed, later(b.attribution(b.party_ref(), agency="psd-54")))
    before = world(*case).held()
    assert {key.agency for key in before if key.rule == "order_imposed"} == DESKS_FOR_POLICE
    stated_later = later(b.attribution(agency="dait-54"), minutes=5)
    higher = b.fact(b.attribution(agency="dait-54"), version=9, at=NOW + timedelta(minutes=5))
    taken_back = b.fact(
        taken_back_by("dait-54"), kind="uk.agency.attribution-confirmed", subject=b.order_at(), version=9
    )
    for other in (stated_later, higher, taken_back):
        assert world(*case, other).held() == before


def test_of_several_who_may_speak_the_higher_version_stands_whoever_says_it() -> None:
    case = (*matter(b.incident())[:3], b.fact(b.orders_resulted(b.order())))
    first = b.fact(b.attribution(b.party_ref(), agency="dait-54"), version=1)
    second = b.fact(b.attribution(agency="dait-supervisor-54"), version=2)
    assert world(*case, second, first).held() == world(*case, first, second).held()
    assert not told_of(world(*case, first, second), "order_imposed")
    taken_back = b.fact(
        taken_back_by("dait-supervisor-54"), kind="uk.agency.attribution-confirmed", subject=b.order_at(), version=3
    )
    assert world(*case, first, taken_back).held() == world(*case).held()


def test_a_statement_before_the_incident_ends_as_one_after_it() -> None:
    facts = (b.fact(police_suspect()), b.fact(b.charge()), ORDER, later(b.attribution(agency="dait-54")))
    ends: list[dict[Key, Content]] = []
    for order in permutations(facts):
        found = World(b.shipped(), RULES)
        found.read_to = NOW + timedelta(days=1)
        for minute, fact in enumerate(order):
            found.evaluate(fact, now=NOW + timedelta(minutes=minute))
        assert not found.unexplained
        ends.append(found.held())
    assert all(end == ends[0] for end in ends)
    assert {key.agency for key in ends[0] if key.rule == "order_imposed"} == DESKS_FOR_POLICE


def test_an_order_that_names_her_by_record_alone_is_spoken_of_by_her_desks_alone() -> None:
    by_record = b.fact(b.orders_resulted(b.order(protected_persons=(BY_RECORD,))))
    found = world(b.fact(police_suspect()), by_record)
    before = {key: content for key, content in found.held().items() if key.rule == "order_imposed"}
    assert {key.agency for key in before} == DESKS_FOR_POLICE
    found.evaluate(later(b.attribution(agency="dait-54")), now=NOW + timedelta(minutes=2))
    assert {key: content for key, content in found.held().items() if key.rule == "order_imposed"} == before


def test_a_case_that_a_desk_linked_to_such_an_incident_is_not_for_others_to_link_elsewhere() -> None:
    hers = later(b.link_made(b.party_ref(), b.party_ref(2), agency="psd-54"))
    other = b.fact(b.incident("CR2", parties=(b.victim(record=b.record("another")), b.suspect())))
    case = (b.fact(police_suspect()), other, b.fact(b.hearing()), b.fact(b.orders_resulted(b.order())), hers)
    before = world(*case).held()
    assert {key.agency for key in before if key.rule == "order_unconfirmed"} == DESKS_FOR_POLICE
    elsewhere = later(b.link_made(PartyRef(crime_reference="CR2", party=1), agency="dait-54"), minutes=5)
    assert world(*case, elsewhere).held() == before


def test_what_may_not_be_said_is_kept_and_counts_once_it_may() -> None:
    said = later(b.attribution(agency="dait-54"))
    files = files_of((*matter(police_suspect()), said), may_speak=speakers(b.shipped()))
    (where,) = (file for file in files.values() if said in file.facts)
    assert (where.facts, where.unlinked) == ((said,), {said.id: MAY_NOT_SPEAK})
    ordinary = b.fact(b.incident(), version=2)
    assert world(*matter(police_suspect()), said, ordinary).held() == world(*matter(b.incident()), said).held()
