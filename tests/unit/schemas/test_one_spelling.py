"""However a sender writes a shared identifier, the fact says it, and goes by it, in one spelling."""

import json
from typing import Any

import pytest

from schemas.agency_responses.v1 import AttributionConfirmed, LinkMade
from schemas.court_convictions.v1 import Defendant
from schemas.doubts import Doubt, DoubtReason, doubts
from schemas.envelope import to_document
from schemas.refusals import Refusal
from schemas.registry import Publication, Received, content_of, decode, event, publication
from schemas.values import Body, References, Withdrawn
from tests.support import builders as b

CANONICAL = "54DC0012326/2654DC0100000004711B"
OTHER_WAYS = [
    "54dc0012326/26/54DC/01/4711B",
    "54-DC-0012326/26-54dc-01-4711-b",
    "54DC/00123/26/26/54DC/01/00000004711B",
]
UNREADABLE = DoubtReason.IDENTIFIER_UNREADABLE


def sent(body: Body, kind: str, subject: str, **said: Any) -> Received | Refusal:
    """The event as its sender writes it, with this subject and these fields, read again from its record."""
    envelope, _ = event(body, kind, "urn:test:sender", b.NOON)
    document = to_document(envelope, content_of(body)) | {"subject": subject}
    document["data"] |= said
    ready = publication(json.dumps(document).encode())
    if isinstance(ready, Refusal):
        return ready
    assert isinstance(ready, Publication)
    return decode(ready.topic, ready.record.key, ready.record.value, ready.record.headers)


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_a_hearing_in_another_spelling_is_the_same_statement(case: str) -> None:
    body = b.hearing(references=References(urn=CANONICAL[:11], asn=CANONICAL[12:], court_ou="C54SD00"))
    rest = body.hearing.removeprefix(CANONICAL)
    refs = {"urn": "54dc 12326", "asn": "26/54DC/01/4711B", "court_ou": "C54SD00"}
    read = sent(body, "uk.court.hearing-resulted", case + rest, hearing=case + rest, references=refs)
    assert isinstance(read, Received)
    assert read.envelope.subject == CANONICAL + rest
    assert read.body == body


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_a_withdrawn_charge_in_another_spelling_takes_back_the_same_statement(case: str) -> None:
    withdrawn = Withdrawn(occurred_at=b.NOON, withdrawn=True)
    envelope, _ = event(withdrawn, "uk.police.charge-preferred", "urn:test:sender", b.NOON, subject=case)
    ready = publication(json.dumps(to_document(envelope, content_of(withdrawn))).encode())
    assert isinstance(ready, Publication)
    assert ready.received.envelope.subject == CANONICAL


@pytest.mark.parametrize("case", OTHER_WAYS)
def test_a_link_in_another_spelling_is_about_the_same_case(case: str) -> None:
    said = {"occurred_at": b.NOON, "agency": "dait-54", "actor": "w-17", "parties": []}
    assert LinkMade.model_validate(said | {"what": "case", "reference": case}).subject == f"case/{CANONICAL}"
    order = f"{case}/C54SD00/2026-03-02/order/3047"
    assert (
        AttributionConfirmed.model_validate(
            {"occurred_at": b.NOON, "agency": "dait-54", "actor": "w-17", "protects": [], "order": order}
        ).subject
        == f"{CANONICAL}/C54SD00/2026-03-02/order/3047"
    )


def test_a_reference_of_an_application_is_opaque() -> None:
    said = {"occurred_at": b.NOON, "agency": "dait-54", "actor": "w-17", "parties": []}
    assert LinkMade.model_validate(said | {"what": "application", "reference": "ab-12300"}).reference == "ab-12300"


def test_a_short_pnc_id_is_the_long_one() -> None:
    assert Defendant(pnc_id="12/163001B") == Defendant(pnc_id="2012/0163001b")


def test_a_cro_number_with_or_without_leading_zeros_is_one() -> None:
    assert Defendant(cro_number="12345/99X") == Defendant(cro_number="012345/99x")
    assert doubts(Defendant(cro_number="none-known")) == (Doubt("cro_number", UNREADABLE),)


def test_an_identifier_that_cannot_be_read_is_kept_and_said_and_leads_to_nobody() -> None:
    references = References(urn="54DC PENDING", asn="see file")
    assert (references.urn, references.asn) == ("54DC-PENDING", "see-file")
    assert (references.leading_urn, references.leading_asn) == (None, None)
    assert doubts(references) == (Doubt("urn", UNREADABLE), Doubt("asn", UNREADABLE))
    assert doubts(Defendant(pnc_id="not on PNC")) == (Doubt("pnc_id", UNREADABLE),)


def test_an_identifier_that_can_be_read_is_in_no_doubt() -> None:
    assert doubts(References(urn="54dc12326", asn="26/54DC/01/4711C")) == ()
