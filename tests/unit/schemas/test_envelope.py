"""The envelope in headers: what is given by two names is read where both say the same, and else refused with both."""

import pytest

from schemas.envelope import Envelope, from_headers, to_record
from schemas.registry import content_of, event
from tests.support import builders as b

ENVELOPE, SAID = event(b.incident(), "uk.police.incident-reported", "urn:example:police", b.NOON, 1)
HEADERS = tuple(h for h in to_record(ENVELOPE, content_of(SAID)).headers if h[0] != "content-type")


@pytest.mark.parametrize("name", ["ce_datacontenttype", "CE_DataContentType", "content-type"])
@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_two_names_with_one_content_type_are_no_contradiction(name: str, kind: str) -> None:
    headers = (*HEADERS, ("content-type", b"application/json"), (name, kind.encode()))
    assert from_headers(headers) == ENVELOPE
    assert from_headers(tuple(reversed(headers))) == ENVELOPE


def test_one_name_alone_is_enough() -> None:
    assert isinstance(from_headers((*HEADERS, ("ce_datacontenttype", b"application/json"))), Envelope)


def test_different_content_types_are_refused_and_both_headers_are_named() -> None:
    headers = (*HEADERS, ("content-type", b"application/json"), ("ce_datacontenttype", b"application/vnd.marked+json"))
    refused = from_headers(headers)
    assert not isinstance(refused, Envelope)
    assert (refused.reason, refused.detail) == (
        "invalid_header",
        "content-type and ce_datacontenttype: given twice, and not the same",
    )


def test_a_content_type_that_is_not_read_is_refused_by_the_name_under_which_it_came() -> None:
    refused = from_headers((*HEADERS, ("ce_datacontenttype", b"text/marked")))
    assert not isinstance(refused, Envelope)
    assert refused.detail == "ce_datacontenttype: application/json in UTF-8 is expected"


def test_an_attribute_twice_is_read_only_where_it_is_the_same_twice() -> None:
    twice = dict(HEADERS)["ce_id"]
    assert from_headers((*HEADERS, ("CE_ID", twice))) == ENVELOPE
    refused = from_headers((*HEADERS, ("CE_ID", b"marked")))
    assert not isinstance(refused, Envelope)
    assert refused.detail == "ce_id: given twice, and not the same"
