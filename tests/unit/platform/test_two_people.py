"""Two defendants under one identifier: the second never takes the place of the first, whatever message he is in."""

from dataclasses import replace
from datetime import date

import pytest

from schemas import registry
from schemas.court_order_variations.v1 import OrdersResulted
from schemas.refusals import Refusal, RefusalReason
from schemas.registry import body_of
from schemas.values import Body, References
from services.platform.domain.linking.references import defendant_ids
from services.platform.domain.linking.same_man import Man, identities
from services.platform.domain.linking.speaking import anybody
from services.platform.storage.changes import Accepted
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.reader import Matters
from services.platform.storage.records import Record
from services.platform.streaming.decode import apart, identified, read
from services.platform.streaming.judging import knowing
from services.platform.streaming.link import Plan
from tests.support import builders as b

POLICY = b.shipped()
KNOWING = knowing(POLICY, Pseudonyms(b"a deployment's secret"))
PLACEHOLDER = "0800PP0100000000001H"
ALDEN = b.defendant(name="Alden FICTION", date_of_birth=date(1985, 3, 4))
BRAM = b.defendant(name="Bram INVENTED", date_of_birth=date(1992, 7, 8))
SHARED = [
    References(urn=b.URN, asn=b.ASN),
    References(urn=b.URN, asn=PLACEHOLDER),
    References(urn=b.URN, defendant_id="PROSECUTOR-7"),
    References(asn=b.ASN),
    References(defendant_id="PROSECUTOR-7"),
    References(court_case="CASE-1", defendant_id="PROSECUTOR-7"),
    References(urn="UNREADABLE", defendant_id="PROSECUTOR-7"),
]
KIND = "uk.court.orders-resulted"


def received(body: Body, kind: str = KIND, version: int = 1, subject: str | None = None) -> Accepted | Refusal:
    envelope, said = registry.event(body, kind, "urn:test:court", b.NOON, version, subject=subject)
    sent = registry.encode(envelope, said)
    event = read(Record(registry.REGISTRY.topic_of(kind), 0, 0, b.NOON, sent.key, sent.value, sent.headers))
    assert isinstance(event, Accepted)
    return identified(event, KNOWING)


def accepted(*those: tuple[Body, int]) -> dict[str, Body]:
    """What stands after these, by subject; each accepted after the one before it."""
    current: dict[str, Body] = {}
    events = [received(body, version=version) for body, version in those]
    every = [event for event in events if isinstance(event, Accepted)]
    assert len(every) == len(events)
    names, own = set[str](), dict[tuple[str, str], set[str]]()
    for event in (*every, *(apart(event, KNOWING) for event in every)):
        names |= event.names
        own.setdefault(event.fact.statement, set()).update(event.names)
    plan = Plan(Matters(frozenset(names), own, {}, {}, {}, {}), POLICY.is_placeholder, anybody, KNOWING)
    for event in every:
        change = plan.apply(plan.of_whom(event))
        if change.fate == "accepted":
            kept = change.event.received
            current[change.event.fact.subject] = body_of(kept.envelope.type, kept.content)
    return current


def made(refs: References, **over: object) -> OrdersResulted:
    return b.orders_resulted(b.order(), **{"references": refs, "defendant": ALDEN, **over})


@pytest.mark.parametrize("refs", SHARED)
def test_the_result_of_one_takes_back_no_order_of_the_other(refs: References) -> None:
    dismissed = b.orders_resulted(references=refs, defendant=BRAM)
    stands = accepted((made(refs), 1), (dismissed, 2))
    assert sorted(len(body.orders) for body in stands.values() if isinstance(body, OrdersResulted)) == [0, 1]


@pytest.mark.parametrize("refs", SHARED)
@pytest.mark.parametrize(
    "nobodys", [{"pnc_id": "2000/0000000H"}, {"pnc_id": "NOT-KNOWN"}, {"record": b.record("Unknown")}]
)
def test_what_is_written_of_every_unknown_man_makes_no_two_of_them_one(
    refs: References, nobodys: dict[str, object]
) -> None:
    one, other = (man.model_copy(update=nobodys) for man in (ALDEN, BRAM))
    dismissed = b.orders_resulted(references=refs, defendant=other)
    stands = accepted((made(refs, defendant=one), 1), (dismissed, 2))
    assert sorted(len(body.orders) for body in stands.values() if isinstance(body, OrdersResulted)) == [0, 1]
    men = [
        Man(identities(body.references, body.defendant)) for body in stands.values() if isinstance(body, OrdersResulted)
    ]
    assert not men[0].is_same(men[1])


@pytest.mark.parametrize("refs", SHARED)
@pytest.mark.parametrize(
    "known_by", [{"pnc_id": ("2001/0000001A", "2002/0000002B")}, {"record": (b.record("1"), b.record("2"))}]
)
def test_the_result_of_a_twin_takes_back_no_order_of_the_other(
    refs: References, known_by: dict[str, tuple[object, object]]
) -> None:
    field, ids = next(iter(known_by.items()))
    tim, tom = (
        b.defendant(**{"name": f"{name} INVENTED", "date_of_birth": date(1992, 7, 8), field: known})
        for name, known in zip(("Tim", "Tom"), ids, strict=True)
    )
    stands = accepted((made(refs, defendant=tim), 1), (b.orders_resulted(references=refs, defendant=tom), 2))
    assert sorted(len(body.orders) for body in stands.values() if isinstance(body, OrdersResulted)) == [0, 1]


@pytest.mark.parametrize("refs", SHARED)
def test_what_a_later_hearing_discharges_is_his_own(refs: References) -> None:
    later = date(2026, 4, 1)
    discharged = b.orders_resulted(b.order(action="discharged"), references=refs, defendant=BRAM, hearing_on=later)
    before, after = accepted((made(refs), 1), (discharged, 2)).values()
    assert isinstance(before, OrdersResulted)
    assert isinstance(after, OrdersResulted)
    assert defendant_ids(before.references).isdisjoint(defendant_ids(after.references))


@pytest.mark.parametrize("refs", SHARED)
def test_whoever_came_first_the_other_is_amended_as_himself(refs: References) -> None:
    dismissed = b.orders_resulted(references=refs, defendant=BRAM)
    amended = b.orders_resulted(b.order("3081"), references=refs, defendant=BRAM)
    stands = accepted((dismissed, 1), (made(refs), 2), (amended, 3))
    codes = sorted(order.code for body in stands.values() if isinstance(body, OrdersResulted) for order in body.orders)
    assert codes == ["3047", "3081"]


@pytest.mark.parametrize("refs", SHARED)
def test_an_amendment_of_one_man_replaces_what_was_said_of_him(refs: References) -> None:
    stands = accepted((made(refs), 1), (b.orders_resulted(references=refs, defendant=ALDEN), 2))
    assert [body.orders for body in stands.values() if isinstance(body, OrdersResulted)] == [()]


def test_one_whose_name_the_court_left_out_is_whoever_has_the_identifier() -> None:
    refs = SHARED[0]
    nameless = b.orders_resulted(references=refs, defendant=b.defendant(name=None, date_of_birth=None))
    stands = accepted((made(refs), 1), (nameless, 2))
    assert [body.orders for body in stands.values() if isinstance(body, OrdersResulted)] == [()]


def test_what_is_kept_of_an_event_can_be_read_again_and_is_known_again() -> None:
    event = received(made(SHARED[1]))
    assert isinstance(event, Accepted)
    assert body_of(event.received.envelope.type, event.received.content) == event.fact.body
    again = received(made(SHARED[1]))
    assert isinstance(again, Accepted)
    assert (again.name, again.said) == (event.name, event.said)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b.link_made(reference=f"{b.URN}/{PLACEHOLDER}"), "uk.agency.link-made"),
        (b.link_refused(reference=f"{b.URN}/{PLACEHOLDER}"), "uk.agency.link-refused"),
        (
            b.attribution(order=f"{b.URN}/{PLACEHOLDER}/{b.COURT}/2026-03-02/order/3047"),
            "uk.agency.attribution-confirmed",
        ),
    ],
)
def test_what_people_say_of_a_placeholder_is_refused_and_said(body: Body, kind: str) -> None:
    refused = received(body, kind)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.PLACEHOLDER_NAMED


def test_a_placeholders_statement_cannot_be_taken_back_as_a_mans() -> None:
    taken_back = b.withdrawal(replace(b.fact(made(SHARED[0])), subject=f"{b.URN}/{PLACEHOLDER}/{b.COURT}/2026-03-02"))
    refused = received(taken_back.body, version=2, subject=taken_back.subject)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.PLACEHOLDER_NAMED


def test_an_application_without_a_digit_in_its_reference_is_no_placeholder() -> None:
    body = b.link_made(what="application", reference="APP-ABC")
    assert isinstance(received(body, "uk.agency.link-made"), Accepted)
