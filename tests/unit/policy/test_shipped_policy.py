"""The policy and agencies that ship: they load, everybody is reached, and no kind is granted what it must never see."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from schemas.classes import DataClass, Form
from schemas.values import Residence
from services.ops.policies import load
from services.platform.policy.model import Areas, Grant
from services.platform.policy.policy import Policy

DEPLOY = Path(__file__).parents[3] / "deploy"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
POLICE = frozenset(
    ["dait", "dait_supervisor", "duty_inspector", "specialist_desk", "child_abuse_unit", "psd", "out_of_force_desk"]
)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(DEPLOY / "policy", DEPLOY / "agencies").at(NOW)


def test_every_kind_that_a_route_could_tell_has_a_default(policy: Policy) -> None:
    for kind in policy.rows.kinds:
        if kind.serves not in {"named", "school"}:
            assert [agency.id for agency in policy.agencies_of(kind.kind) if agency.default], kind.kind


def test_a_decline_has_a_next_idva_in_each_authority(policy: Policy) -> None:
    for force, la in (("54", "865"), ("54", "866"), ("53", "916")):
        her = Areas(victim=Residence(force=force, la_code=la))
        (chosen,) = [
            one for one in policy.chosen(policy.route("high_risk", NOW.date()), her) if one.recipient.kind == "idva"
        ]
        assert not chosen.by_default
        assert chosen.next_able


def test_schools_of_one_authority_keep_different_calendars(policy: Policy) -> None:
    calendars = policy.rows.calendars
    friday_before_half_term = datetime(2026, 10, 16, 20, tzinfo=UTC)
    sessions = {urn: calendars.next_session(friday_before_half_term, urn, "866") for urn in ("100001", "100002")}
    assert sessions["100001"].date() == date(2026, 10, 19)
    assert sessions["100002"].date() == date(2026, 11, 2)


def test_nobody_is_granted_a_class_that_the_table_of_agencies_forbids(policy: Policy) -> None:
    never: dict[DataClass, frozenset[str]] = {
        DataClass.II: frozenset({"idva"}),
        DataClass.IP: POLICE | {"idva"},
        DataClass.H: POLICE,
        DataClass.L: POLICE | {"idva"},
        DataClass.N: POLICE | {"idva", "adult_social_care", "mash", "named_social_care", "dsl", "la_education"},
        DataClass.X: frozenset(["dait", "dait_supervisor", "duty_inspector", "specialist_desk", "child_abuse_unit"])
        | {"wcu", "idva", "victim_service", "marac"},
        DataClass.O: POLICE | {"wcu", "force_legal", "cps", "probation", "idva", "victim_service", "marac"},
    }
    for data_class, allowed in never.items():
        holders = {kind.kind for kind in policy.rows.kinds if any(g.data_class is data_class for g in kind.grants)}
        assert holders <= allowed, data_class


def test_grants_outside_police_go_no_further_than_their_form(policy: Policy) -> None:
    def grant(kind: str, data_class: DataClass) -> list[tuple[Form, str]]:
        return [(row.form, row.whose) for row in policy.kind(kind).grants if row.data_class is data_class]

    assert grant("dsl", DataClass.C) == [(Form.FULL, "own_pupils")]
    assert grant("dsl", DataClass.S) == grant("dsl", DataClass.P) == grant("dsl", DataClass.K) == []
    assert grant("cps", DataClass.K) == grant("wcu", DataClass.K) == [(Form.GRADE, "subject")]
    assert grant("victim_service", DataClass.S) == [(Form.RELATIONSHIP, "case")]
    assert grant("prison", DataClass.P) == [(Form.NAME, "subject")]
    assert grant("idva", DataClass.L) == [(Form.ZONE, "subject")]
    for kind in policy.rows.kinds:
        for row in kind.grants:
            if row.data_class is DataClass.X:
                assert row.form is Form.STATE
            if row.data_class is DataClass.N and kind.outward:
                assert row.form is Form.SUMMARY
            if row.data_class is DataClass.P and kind.kind not in POLICE | {"mash", "named_social_care"}:
                assert row.whose == "subject"


def test_an_agency_may_be_granted_more_than_its_kind(policy: Policy) -> None:
    known = policy.agencies["mash-866"].model_copy(update={"extra_grants": (Grant(data_class=DataClass.D),)})
    more = Policy(policy.rows, {"mash-866": known})
    assert more.grants("mash-866") == (*policy.grants("mash-866"), Grant(data_class=DataClass.D))
    assert more.grants("mash-999") == ()


def test_every_notification_says_that_it_is_not_for_emergencies_and_outward_ones_how_not_to_make_contact(
    policy: Policy,
) -> None:
    for kind in policy.rows.kinds:
        texts = policy.texts_for(kind.kind, ["please_link", "please_link"])
        assert texts[0] == "not_for_emergencies"
        assert texts.count("please_link") == 1
        assert ("safe_contact" in texts) == (kind.outward and kind.kind != "dsl")
    assert "Schedule" not in policy.text("restricted_file")
    assert "Do not contact either parent" in policy.text("restricted_file")
    assert policy.texts_for("dsl")[-1] == "restricted_file"


def test_a_record_of_safe_contact_is_fresh_for_thirty_days_beginning_with_its_own(policy: Policy) -> None:
    assert policy.safe_contact_stale_from(date(2026, 3, 1)) == date(2026, 3, 31)


def test_what_mark_a_case_and_what_is_no_offence(policy: Policy) -> None:
    assert policy.da_offence("SE20002")
    assert not policy.da_offence("TH68006")
    assert not policy.is_offence("MC80530")
    assert policy.is_offence("SE20002")
    assert policy.da_offence("CS10503")
    assert not policy.is_offence("CS10503")


def test_a_more_dangerous_change_waits_less_long_for_its_people(policy: Policy) -> None:
    today = NOW.date()

    def waits(type_: str, variant: str | None = None) -> datetime:
        clock = policy.link_clock(type_, today, variant)
        assert clock is not None
        return policy.due(NOW, clock.within)

    orders = "uk.court.orders-resulted"
    assert waits(orders, "discharged") < waits("uk.court.application-lodged") < waits(orders, "imposed")
    assert waits("uk.court.application-decided", "granted") < waits("uk.court.application-decided", "refused")
    assert policy.link_clock("uk.police.risk-assessed", today) is None


def test_thresholds_and_windows_are_an_areas_own_where_it_has_its_own(policy: Policy) -> None:
    today = NOW.date()
    north, south = (policy.thresholds(force, "SafeLives-RIC-24", today) for force in ("54", "53"))
    assert north is not None
    assert south is not None
    assert (north.marac, south.marac) == (14, 17)
    dara = policy.thresholds("54", "DARA", today)
    assert dara is not None
    assert dara.marac is None
    assert policy.thresholds("54", "a tool of its own", today) is None
    assert (policy.window("escalation", "54", today).n, policy.window("escalation", "53", today).n) == (3, 4)


def test_a_year_is_counted_as_its_window_says(policy: Policy) -> None:
    window = policy.window("escalation", "54", NOW.date())
    first = datetime(2025, 3, 10, 9, tzinfo=UTC)
    assert policy.within_window(window, first, datetime(2026, 3, 9, 23, tzinfo=UTC))
    assert not policy.within_window(window, first, datetime(2026, 3, 10, 0, tzinfo=UTC))
    after = window.model_copy(update={"counts": "after"})
    assert policy.within_window(after, first, datetime(2026, 3, 10, 23, tzinfo=UTC))
    assert not policy.within_window(window, first, datetime(2025, 3, 9, 9, tzinfo=UTC))


def test_who_may_say_what(policy: Policy) -> None:
    assert policy.may_state("uk.agency.acknowledged", "dsl")
    assert policy.may_state("uk.agency.link-made", "dait")
    assert not policy.may_state("uk.agency.link-made", "idva")
    assert not policy.may_state("uk.agency.attribution-confirmed", "cps")
    assert not policy.may_state("uk.police.incident-reported", "dait")


@pytest.mark.parametrize("written", ["unknown", "UNKNOWN", "The Crown", "n/k", "not-known"])
def test_a_placeholder_names_nobody(policy: Policy, written: str) -> None:
    assert policy.is_placeholder(written)


def test_a_real_looking_id_is_no_placeholder(policy: Policy) -> None:
    assert not policy.is_placeholder("900431-7")


def test_a_row_of_an_earlier_day_is_the_first_row(policy: Policy) -> None:
    assert policy.route("high_risk", date(1990, 1, 1)) == policy.route("high_risk", NOW.date())
    assert policy.knows_force("54")
    assert not policy.knows_force("ZZ")


@pytest.mark.parametrize("variant", ["varied", "discharged", "replaced", "changed_not_stated"])
def test_whoever_is_asked_to_link_a_change_reads_that_protection_may_have_ended_and_what_to_do(
    policy: Policy, variant: str
) -> None:
    clock = policy.link_clock("uk.court.orders-resulted", date(2026, 3, 2), variant)
    assert clock is not None
    assert clock.route is not None
    first = policy.text(policy.route(clock.route, date(2026, 3, 2)).texts[0])
    assert first.startswith("Protection may have ended")
    assert "Find out today" in first


# Texts that ask their reader to do something and to report on it; who is asked so has an ask with a time.
ASKING = frozenset(
    {
        *("decide_whether_to_ask_for_an_order", "say_which_order_and_whom_it_protects", "please_link", "reassess_risk"),
        *("find_out_whether_the_order_stands", "find_out_what_still_protects_her", "tell_her_he_applies"),
        *("tell_her_same_day", "tell_her_if_safe", "tell_this_person_if_safe", "see_to_her_whatever_the_outcome"),
        *("resolve_the_roles", "no_second_service", "record_why_without_consent", "medical_check"),
        *("check_the_date_of_birth", "routes_withheld", "place_term_needs_a_safety_check", "assume_he_knows"),
    }
)


def test_whoever_is_asked_for_nothing_reads_no_words_that_ask(policy: Policy) -> None:
    assert {text.text for text in policy.rows.texts} >= ASKING
    found = {
        (route.route, recipient.kind): words
        for route in policy.rows.routes
        for recipient in route.recipients
        if not recipient.asks
        if (words := ASKING & set(policy.texts_for(recipient.kind, (*recipient.texts, *route.texts))))
    }
    assert found == {}


def test_a_text_for_some_kinds_is_read_by_those_alone(policy: Policy) -> None:
    readers = {kind.kind for kind in policy.rows.kinds if "tell_her_he_applies" in words(policy, kind.kind)}
    assert readers == {"wcu", "dait", "duty_inspector"}


def words(policy: Policy, kind: str) -> tuple[str, ...]:
    return policy.texts_for(kind, ("tell_her_he_applies",))
