"""Who a defendant is where his identifiers cannot say it: placeholders name nobody, and two people are never one."""

from datetime import date

import pytest

from schemas.court_convictions.v1 import Defendant, HearingResulted
from schemas.court_order_variations.v1 import OrdersResulted
from schemas.doubts import Doubt, DoubtReason
from schemas.matters import case_of
from schemas.police_incidents.v1 import ChargePreferred
from schemas.values import Body, References
from services.platform.domain.linking.defendants import are_two, placeholder_doubts
from services.platform.domain.linking.links import files_of
from services.platform.domain.linking.references import references
from services.platform.domain.linking.same_man import Man, identities
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.streaming.judging import knowing
from tests.support import builders as b

PLACEHOLDER = "0800PP0100000000001H"
POLICY = b.shipped()
KNOWING = knowing(POLICY, Pseudonyms(b"a deployment's secret"))
OF_NOBODY = References(urn=b.URN, asn=PLACEHOLDER)
ALDEN = b.defendant(name="Alden FICTION", date_of_birth=date(1985, 3, 4))
BRAM = b.defendant(name="Bram INVENTED", date_of_birth=date(1992, 7, 8))


def known(body: Body, content: str = "as it came", source: str = "urn:test:court") -> Body:
    return KNOWING.identified(body, source, content)


def hearing(**over: object) -> HearingResulted:
    body = known(b.hearing(**{"references": OF_NOBODY, "defendant": ALDEN, **over}))
    assert isinstance(body, HearingResulted)
    return body


@pytest.mark.parametrize(
    "asn",
    [
        "0800PP0100000000001H",
        "0800NP0100000000001H",
        "2654NRPR00000000001H",
        "2612LN0000000000001H",
        "2600NP0000000000001H",
        "2663000100000000001H",
        "2606SS0100000000001H",
        "2600XX0100000000001H",
        "265011AB00000000001H",
        "2650OFAB00000000001H",
        "2650SJAB00000000001H",
    ],
)
def test_a_placeholder_asn_names_nobody(asn: str) -> None:
    assert POLICY.names_nobody("asn", asn)


@pytest.mark.parametrize("asn", ["2654DC0100000004711B", "1101ZD0100000448754K", "2650ZZ0100000000001H"])
def test_a_real_asn_is_no_placeholder(asn: str) -> None:
    assert not POLICY.names_nobody("asn", asn)


def test_each_placeholder_identifier_says_where_it_is_from() -> None:
    assert all(row.source for row in POLICY.placeholder_identifiers)


def test_two_defendants_with_one_placeholder_are_two_people() -> None:
    alden, bram = hearing(), hearing(defendant=BRAM)
    assert alden.references.asn is bram.references.asn is None
    assert alden.hearing != bram.hearing
    shared = references(b.fact(alden)) & references(b.fact(bram))
    assert shared == {f"urn:{b.URN}"}


def test_he_is_the_same_in_an_amendment_and_at_a_later_hearing_of_the_case() -> None:
    amended = hearing(defendant=b.defendant(name="ALDEN James Fiction", date_of_birth=date(1985, 3, 4)))
    assert amended.hearing == hearing().hearing
    assert hearing(hearing_on=date(2026, 4, 1)).references == hearing().references


def test_without_a_urn_he_is_known_within_one_court_and_day() -> None:
    refs = References(urn="00PP0012326", asn=PLACEHOLDER)
    first, same_day = hearing(references=refs), hearing(references=refs, offences=(b.offence(2),))
    another_day = hearing(references=refs, hearing_on=date(2026, 4, 1))
    assert first.references.defendant_id == same_day.references.defendant_id
    assert first.references.defendant_id != another_day.references.defendant_id


def test_two_cases_of_one_man_at_one_court_on_one_day_are_two_hearings_where_neither_has_a_real_urn() -> None:
    one, other = (hearing(references=References(urn=urn, asn=PLACEHOLDER)) for urn in ("00PP0012326", "00PP0012426"))
    assert one.hearing != other.hearing


PARTLY_KNOWN = [
    {"name": "Alden FICTION"},
    {"date_of_birth": date(1985, 3, 4)},
    {"pnc_id": "2001/0000001A"},
    {"cro_number": "123456/01A"},
    {"record": b.record("court-7")},
]
NOTHING_SAID = b.defendant(name=None, date_of_birth=None)


def partly(said: dict[str, object]) -> Defendant:
    return b.defendant(**{"name": None, "date_of_birth": None, **said})


@pytest.mark.parametrize("refs", [OF_NOBODY, References(urn="00PP0012326", asn=PLACEHOLDER)])
@pytest.mark.parametrize("said", PARTLY_KNOWN)
def test_all_that_one_source_says_of_one_hearing_is_about_one_man_by_what_it_says_of_him(
    said: dict[str, object], refs: References
) -> None:
    him = {"references": refs, "defendant": partly(said)}
    heard, amended = hearing(**him), hearing(**him, offences=(b.offence(2),))
    ordered = known(b.orders_resulted(b.order(), **him), "another message")
    assert isinstance(ordered, OrdersResulted)
    assert heard.hearing == amended.hearing == ordered.hearing
    assert Man(identities(heard.references)).is_same(Man(identities(ordered.references)))
    assert Man(identities(heard.references)).is_same(Man(identities(case_of(ordered.hearing))))


@pytest.mark.parametrize("said", PARTLY_KNOWN)
@pytest.mark.parametrize(
    "other",
    [{"defendant": BRAM}, {"defendant": NOTHING_SAID}, {"hearing_on": date(2026, 4, 1)}, {"court_ou": "B54WV00"}],
)
def test_he_is_apart_from_others_and_at_every_other_hearing(said: dict[str, object], other: dict[str, object]) -> None:
    him = {"defendant": partly(said)}
    assert hearing(**him).references.defendant_id != hearing(**{**him, **other}).references.defendant_id


def test_what_another_source_says_of_a_man_of_that_name_is_not_joined() -> None:
    body = b.hearing(references=OF_NOBODY, defendant=partly({"name": "Alden FICTION"}))
    one, other = known(body), known(body, source="urn:test:another-court")
    assert isinstance(one, HearingResulted)
    assert isinstance(other, HearingResulted)
    assert one.hearing != other.hearing


def test_a_man_of_whom_nothing_is_said_stays_apart_from_everybody() -> None:
    body = b.hearing(references=OF_NOBODY, defendant=NOTHING_SAID)
    one, other = known(body, "one message"), known(body, "another message")
    assert isinstance(one, HearingResulted)
    assert isinstance(other, HearingResulted)
    assert one.hearing != other.hearing


def test_his_name_under_another_secret_is_another() -> None:
    other = knowing(POLICY, Pseudonyms(b"another secret"))
    body = b.hearing(references=OF_NOBODY, defendant=ALDEN)
    assert other.identified(body, "", "") != KNOWING.identified(body, "", "")


@pytest.mark.parametrize("unusable", [{"asn": "TFL1"}, {"defendant_id": "unknown"}, {"defendant_id": "0000"}])
def test_what_cannot_be_read_and_what_counts_nobody_names_nobody(unusable: dict[str, str]) -> None:
    refs = References(urn=b.URN, **unusable)
    assert hearing(references=refs).hearing != hearing(references=refs, defendant=BRAM).hearing


@pytest.mark.parametrize(
    ("asn", "court", "force"),
    [("2654DC0100000004711B", "B53MW00", "54"), (PLACEHOLDER, "B54SD00", "54"), (None, "B54SD00", "54")],
)
def test_a_placeholder_urn_takes_its_force_from_the_asn_else_from_the_court(
    asn: str | None, court: str, force: str
) -> None:
    refs = References(urn="00NP0012326", asn=asn, defendant_id=None if asn else "7")
    body = hearing(references=refs, court_ou=court, force_code=None)
    assert body.references.urn is None
    assert body.force_code == force


def test_charges_of_two_people_with_one_placeholder_are_two_statements() -> None:
    one = known(b.charge(b.charged(parties=(1, 2)), references=OF_NOBODY))
    other = known(b.charge(b.charged(parties=(1, 3)), references=OF_NOBODY))
    assert isinstance(one, ChargePreferred)
    assert isinstance(other, ChargePreferred)
    assert one.subject != other.subject
    assert known(b.charge(b.charged(), b.charged(2, parties=(1, 4)), references=OF_NOBODY)).subject == one.subject  # type: ignore[attr-defined]


def test_a_charge_with_a_placeholder_leads_to_its_defendant_by_name_and_birth_and_to_nobody_else() -> None:
    suspect = b.suspect(name="ALDEN fiction", date_of_birth=date(1985, 3, 4))
    incident = b.fact(b.incident(parties=(b.victim(), suspect)))
    charge = b.fact(known(b.charge(references=OF_NOBODY)))
    his, another = b.fact(hearing()), b.fact(hearing(defendant=BRAM))
    files = files_of([incident, charge, his, another])
    hers = files["record:vale-records:victim-1"]
    assert his.id in hers.links
    assert another.id not in hers.links


def test_what_names_somebody_stays_as_it_came() -> None:
    body = b.hearing()
    assert known(body) is body


@pytest.mark.parametrize(
    ("other", "two"),
    [
        ({}, False),
        ({"name": "SILAS  suspecttest"}, False),
        ({"name": "Silas James Suspecttest"}, False),
        ({"name": "Sílas Suspecttest"}, False),
        ({"name": None}, False),
        ({"date_of_birth": None}, False),
        ({"name": "Bram Suspecttest"}, True),
        ({"date_of_birth": date(1965, 2, 3)}, True),
        ({"name": "Bram Suspecttest", "date_of_birth": None}, True),
        ({"name": "Sylas Suspecttest"}, False),
        ({"name": "Sil Suspecttest"}, False),
        ({"name": "Silas Suspectest"}, False),
        ({"name": "Sylas Suspecttest", "date_of_birth": None}, True),
        ({"name": "Cyrus Suspecttest", "pnc_id": "12/163001G"}, False),
    ],
)
def test_two_defendants_are_two_people_where_name_or_birth_differ(other: dict[str, object], two: bool) -> None:  # noqa: FBT001
    one = b.defendant(pnc_id="2012/0163001G")
    assert are_two(one, b.defendant(**other)) is two


def test_an_asn_given_to_two_people_leads_the_charge_to_him_whom_it_names() -> None:
    charge, incident = b.fact(b.charge()), b.fact(b.incident(parties=(b.victim(), _charged())))
    his, another = b.fact(b.hearing(defendant=ALDEN)), b.fact(KNOWING.apart(b.hearing(defendant=BRAM), "", ""))
    first = b.fact(b.hearing(defendant=BRAM))
    named = b.fact(KNOWING.apart(b.hearing(defendant=ALDEN), "", ""))
    for with_asn, without in ((his, another), (named, first)):
        hers = files_of([incident, charge, with_asn, without])["record:vale-records:victim-1"]
        assert with_asn.id in hers.links
        assert without.id not in hers.links


def test_a_sender_is_told_of_the_placeholders_in_an_event() -> None:
    found = list(placeholder_doubts(b.hearing(references=OF_NOBODY), POLICY.names_nobody))
    assert found == [Doubt("references.asn", DoubtReason.IDENTIFIER_IS_PLACEHOLDER)]


def _charged() -> object:
    return b.suspect(name=ALDEN.name, date_of_birth=ALDEN.date_of_birth)
