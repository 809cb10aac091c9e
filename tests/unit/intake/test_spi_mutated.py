"""Whatever happens to a message on its way: it never raises, and what is still in it is not missing from the facts."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, tostring
from xml.sax.saxutils import escape

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.court_convictions.v1 import HearingResulted, Result
from schemas.court_order_variations.v1 import OrdersResulted
from services.intake.court_hearings import Read
from services.intake.fitting import UNCODED
from services.intake.spi import TEXT_GOES_ON, read
from tests.support.steps import steps

ROOT = Path(__file__).parents[3]
EXAMPLES = [
    *sorted((ROOT / "schemas" / "examples" / "spi").glob("*.xml")),
    *sorted((ROOT.parent / "shared" / "reference" / "spi").glob("*.xml")),
]
MESSAGES = [path.read_bytes() for path in EXAMPLES]
RECEIVED = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
NAMESPACES = ("http://www.dca.gov.uk/xmlschemas/libra", "urn:another:version:of:the:namespace", "")
ORDERS = {"3047", "3260", "3081", "3326", "3307", "3306", "3263"}
PERSONAL = {
    "PersonGivenName1", "PersonFamilyName", "OrganisationName", "AddressLine1", "AddressLine2", "AddressLine3",
    "LocationOfOffence", "OffenceWording", "ResultText", "BailConditions", "NextHearingReason",
}  # fmt: skip
MARK = "Zzqx"

operations = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "swap", "wrap", "add", "empty"]),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=5,
)


def mutated(root: Element, operation: str, which: int, other: int) -> None:
    """One thing that may happen to one element below the root."""
    parents = [parent for parent in root.iter() if len(parent)]
    if not parents:
        return
    parent = parents[which % len(parents)]
    place = other % len(parent)
    child = parent[place]
    match operation:
        case "drop":
            parent.remove(child)
        case "double":
            parent.insert(other % (len(parent) + 1), copy.deepcopy(child))
        case "swap":
            parent.remove(child)
            parent.insert(which % (len(parent) + 1), child)
        case "wrap":
            parent.remove(child)
            wrapper = Element("{urn:new}Wrapper")
            wrapper.append(child)
            parent.insert(place, wrapper)
        case "add":
            added = Element(f"{{urn:new}}{['Added', 'Name', 'Duration'][which % 3]}")
            added.text = "new"
            parent.insert(place, added)
        case "empty":
            child.text = ""


def renamed(root: Element, namespace: str) -> None:
    for element in root.iter():
        local = element.tag.rpartition("}")[2]
        element.tag = f"{{{namespace}}}{local}" if namespace else local


def plain(text: str | None) -> str:
    return "".join((text or "").split())


def walked(root: Element) -> tuple[set[str], set[tuple[str, str, str]]]:
    """The offence codes of a message, and each result as offence code, result code and text, found by path alone."""
    offences: set[str] = set()
    results: set[tuple[str, str, str]] = set()
    for offence in root.iterfind(".//{*}Offence"):
        code = first(offence.iterfind(".//{*}OffenceCode"))
        offences.add(code)
        for result in offence.iterfind(".//{*}Result"):
            text = first(result.iterfind(".//{*}ResultText"))
            codes = {plain("".join(each.itertext())) for each in result.iterfind(".//{*}ResultCode")} - {""}
            results.update((code, each, text) for each in codes or {""})
    return offences, results


def first(elements: object) -> str:
    texts = (plain("".join(each.itertext())) for each in elements)  # type: ignore[attr-defined]
    return next((text for text in texts if text), "")


def stated(said: Read) -> tuple[set[str], set[tuple[str, str, str]]]:
    hearings = [body for _, body in said.facts if isinstance(body, HearingResulted)]
    offences = [offence for hearing in hearings for offence in hearing.offences]
    return (
        {known(offence.code) for offence in offences},
        {(known(o.code), known(r.cjs_result_code), whole(r)) for o in offences for r in o.results},
    )


def known(code: str) -> str:
    return "" if code == UNCODED else code


def whole(result: Result) -> str:
    return plain((result.text or "") + "".join(p.value for p in result.prompts if p.label == TEXT_GOES_ON))


def odd(code: str) -> bool:
    """Codes that no contract could hold are made to fit, and are not found as they were."""
    return not (code.isascii() and code.replace("-", "").isalnum()) and code != ""


@settings(max_examples=700)
@given(st.sampled_from(MESSAGES), operations, st.sampled_from(NAMESPACES))
def test_every_offence_and_result_that_a_changed_message_still_has_is_stated(
    message: bytes, changes: list[tuple[str, int, int]], namespace: str
) -> None:
    root = fromstring(message)
    renamed(root, namespace)
    for change in changes:
        mutated(root, *change)
        content = tostring(root)
        said = read(content, RECEIVED)
        offences, results = walked(root)
        found_offences, found_results = stated(said)
        assert {code for code in offences if not odd(code)} <= found_offences
        assert {of for of in results if not (odd(of[0]) or odd(of[1]))} <= texts_within(found_results, results)
        assert said.facts or said.refusals
        assert_orders_are_complete(said)
        assert read(content, RECEIVED) == said


def texts_within(found: set[tuple[str, str, str]], wanted: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those wanted that are stated: a result whose text was doubled carries more than the first of them."""
    return {(of, code, text) for of, code, text in wanted if any(f[:2] == (of, code) and text in f[2] for f in found)}


def assert_orders_are_complete(said: Read) -> None:
    """Each result that makes or changes an order is in exactly the orders of its hearing."""
    hearings = {e.subject: b for e, b in said.facts if isinstance(b, HearingResulted)}
    orders = {e.subject: b for e, b in said.facts if isinstance(b, OrdersResulted)}
    assert hearings.keys() == orders.keys()
    for subject, hearing in hearings.items():
        carried = {(o.sequence, r.cjs_result_code) for o in hearing.offences for r in o.results}
        made = {(number, order.code) for order in orders[subject].orders for number in order.offences}
        assert made == {(number, code) for number, code in carried if code in ORDERS}
        places = [(order.code, order.number) for order in orders[subject].orders]
        assert len(places) == len(set(places))


@settings(max_examples=700)
@given(
    st.sampled_from(MESSAGES),
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=4),
    st.integers(0, 20_000),
    st.sampled_from(["utf-8", "utf-16", "utf-16-be", "latin-1", "cp500"]),
)
def test_broken_bytes_are_refused_or_read_and_never_raise(
    message: bytes, flips: list[tuple[int, int]], end: int, encoding: str
) -> None:
    content = bytearray(message.decode().encode(encoding))
    for place, value in flips:
        content[place % len(content)] = value
    for broken in (bytes(content), bytes(content[: end % len(content)])):
        said = read(broken, RECEIVED)
        assert said.facts or said.refusals


@settings(max_examples=200)
@given(st.sampled_from(MESSAGES), operations, st.booleans())
def test_names_addresses_and_texts_reach_no_envelope_and_no_refusal(
    message: bytes,
    changes: list[tuple[str, int, int]],
    broken: bool,  # noqa: FBT001
) -> None:
    root = fromstring(message)
    for element in root.iter():
        if element.tag.rpartition("}")[2] in PERSONAL and not len(element):
            element.text = f"{MARK} {element.text}"
    for change in changes:
        mutated(root, *change)
    content = tostring(root)
    said = read(content[:-20] if broken else content, RECEIVED)
    for envelope, _ in said.facts:
        assert MARK.lower() not in repr(envelope).lower()
    assert MARK.lower() not in repr(said.refusals).lower()


def court_message(of_case: str) -> bytes:
    return f"<ResultedCaseMessage><Case><PTIURN>54AA1</PTIURN>{of_case}</Case></ResultedCaseMessage>".encode()


def defendant(reference: int, offences: str) -> str:
    return f"<Defendant><ProsecutorReference>D{reference}</ProsecutorReference>{offences}</Defendant>"


def offence(sequence: int, code: str, text: str = "") -> str:
    result = f"<Result><ResultCode>{code}</ResultCode><ResultText>{text}</ResultText></Result>"
    return f"<Offence><OffenceSequenceNumber>{sequence}</OffenceSequenceNumber>{result}</Offence>"


def wrapped(message: bytes) -> bytes:
    return b"<Message>" + escape(message.decode()).encode() + b"</Message>"


FEW, MANY = 30, 240
OF_SIZE: dict[str, Callable[[int], bytes]] = {
    "defendants": lambda n: court_message("".join(defendant(k, offence(1, "1002")) for k in range(n))),
    "elements that speak of one defendant": lambda n: court_message(defendant(1, offence(1, "1002")) * n),
    "elements that speak of one offence": lambda n: court_message(
        defendant(1, "".join(offence(1, f"{k:04}") for k in range(n)))
    ),
    "messages in one": lambda n: b"<All>" + court_message(defendant(1, offence(1, "1002"))) * n + b"</All>",
    "escaped messages": lambda n: b"<All>" + wrapped(court_message(defendant(1, offence(1, "1002")))) * n + b"</All>",
    "orders of one code": lambda n: court_message(
        defendant(1, "".join(offence(k + 1, "3047", f"until {k}") for k in range(n)))
    ),
}


@pytest.mark.parametrize("what", OF_SIZE)
def test_eight_times_as_much_of_anything_costs_about_eight_times_as_much(what: str) -> None:
    def cost(number: int) -> int:
        message = OF_SIZE[what](number)
        return steps(lambda: read(message, RECEIVED))

    cost(1)  # tables of codes are read once by a process
    assert cost(MANY) < 1.05 * MANY / FEW * cost(FEW)


def test_messages_inside_each_other_are_read_once() -> None:
    inner = court_message("".join(defendant(k, offence(1, "1002")) for k in range(300)))
    nested = b"<ResultedCaseMessage>" * 50 + inner + b"</ResultedCaseMessage>" * 50
    assert {e.subject for e, _ in read(nested, RECEIVED).facts} == {e.subject for e, _ in read(inner, RECEIVED).facts}
    assert steps(lambda: read(nested, RECEIVED)) < 2 * steps(lambda: read(inner, RECEIVED))


def test_more_orders_of_one_code_than_there_are_numbers_are_all_stated() -> None:
    texts = [f"No contact with Person {'abcdefghij'[k % 10] * (k // 10 + 1)}" for k in range(1500)]
    said = read(
        court_message(defendant(1, "".join(offence(k, "3047", text) for k, text in enumerate(texts, 1)))), RECEIVED
    )
    (orders,) = (body for _, body in said.facts if isinstance(body, OrdersResulted))
    assert [order.number for order in orders.orders] == [*range(1, 1000)]
    assert_orders_are_complete(said)
