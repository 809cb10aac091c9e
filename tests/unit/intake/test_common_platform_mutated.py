"""Whatever happens to a message on its way: it never raises, and what is still in it is not missing from the facts."""

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.court_convictions.v1 import HearingResulted, Result
from schemas.court_order_variations.v1 import OrdersResulted
from services.intake.common_platform import read
from services.intake.common_platform_results import TEXT_GOES_ON
from services.intake.court_hearings import Read
from services.intake.fitting import UNCODED
from tests.support import common_platform as cp
from tests.support.steps import steps

ROOT = Path(__file__).parents[3]
FILES = [
    *sorted((ROOT / "schemas" / "examples" / "common-platform").glob("*.json")),
    *sorted((ROOT.parent / "shared" / "reference" / "common-platform").glob("*.json")),
]
SPI = sorted((ROOT / "schemas" / "examples" / "spi").glob("*.xml"))
MESSAGES: list[Any] = [
    *(json.loads(path.read_bytes()) for path in FILES),
    *(hearing for path in SPI for hearing in cp.as_common_platform(path.read_bytes())),
]
RECEIVED = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
ORDERS = {"3047", "3260", "3081", "3326", "3307", "3306", "3263"}
PERSONAL = {
    "firstName", "middleName", "lastName", "name", "address1", "address2", "wording", "resultText", "resultWording",
    "bailConditions", "value", "applicationParticulars", "legalEntityName", "primaryEmail", "label", "welshLabel",
}  # fmt: skip
MARK = "Zzqx"
ODD: list[Any] = [None, "", [], {}, 7, True, "text", ["text", None], [[{}]], "2026-13-45", "0" * 30, -1, 1.5]

operations = st.lists(
    st.tuples(
        st.sampled_from(["drop", "double", "swap", "add", "odd", "alone", "reverse"]),
        st.integers(0, 10_000),
        st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=5,
)


def holders(value: Any) -> Iterator[Any]:
    """Every object and list that holds something."""
    if isinstance(value, dict | list) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from holders(inner)


def mutated(message: Any, operation: str, which: int, other: int) -> None:
    """One thing that may happen to one object or list."""
    found = list(holders(message))
    if not found:
        return
    holder = found[which % len(found)]
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key = keys[other % len(keys)]
    match operation:
        case "drop":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.insert(which % (len(holder) + 1), copy.deepcopy(holder[key]))
        case "swap" if isinstance(holder, list):
            holder.insert(which % len(holder), holder.pop(key))
        case "add" if isinstance(holder, dict):
            holder["new"] = {"id": "new", "code": "new"}
        case "odd":
            holder[key] = copy.deepcopy(ODD[which % len(ODD)])
        case "alone" if isinstance(holder[key], list) and len(holder[key]) == 1:
            holder[key] = holder[key][0]
        case "reverse" if isinstance(holder, dict):
            for name in reversed(keys):
                holder[name] = holder.pop(name)


def listed(holder: Any, name: str) -> list[dict[str, Any]]:
    value = holder.get(name) if isinstance(holder, dict) else None
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def said(holder: Any, name: str) -> str:
    value = holder.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def walked(message: Any) -> set[tuple[str, str, str]]:
    """Each result of an offence that is not deleted, as offence code, result code and text, found by path alone."""
    hearing = next(iter(listed(message, "hearing")), message)
    return {
        (said(offence, "offenceCode").upper(), said(result, "cjsCode"), plain(words(result)))
        for case in listed(hearing, "prosecutionCases")
        for defendant in listed(case, "defendants")
        for offence in listed(defendant, "offences")
        for result in listed(offence, "judicialResults")
        if result.get("isDeleted") is not True
    }


def words(result: dict[str, Any]) -> str:
    return next(
        filter(None, (said(result, name) for name in ("resultText", "resultWording", "welshResultWording"))), ""
    )


def stated(found: Read) -> set[tuple[str, str, str]]:
    hearings = [body for _, body in found.facts if isinstance(body, HearingResulted)]
    offences = [offence for hearing in hearings for offence in hearing.offences]
    return {(known(o.code), known(r.cjs_result_code), whole(r)) for o in offences for r in o.results}


def known(code: str) -> str:
    return "" if code == UNCODED else code


def whole(result: Result) -> str:
    return plain((result.text or "") + "".join(p.value for p in result.prompts if p.label == TEXT_GOES_ON))


def plain(text: str) -> str:
    return "".join(text.split())


def odd(code: str) -> bool:
    return not (code.isascii() and code.replace("-", "").isalnum() and len(code) <= 40) and code != ""


def coded_by_label(found: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """A result without a code may be stated by the one that its label means."""
    return {(of, "", text) for of, _, text in found}


@settings(max_examples=500)
@given(st.sampled_from(MESSAGES), operations)
def test_every_result_that_a_changed_message_still_has_is_stated(
    message: Any, changes: list[tuple[str, int, int]]
) -> None:
    changed = copy.deepcopy(message)
    for change in changes:
        mutated(changed, *change)
        content = cp.encoded(changed)
        found = read(content, RECEIVED)
        results = {of for of in walked(changed) if not (odd(of[0]) or odd(of[1]))}
        assert results <= stated(found) | coded_by_label(stated(found))
        assert found.facts or found.refusals
        assert_orders_are_complete(found)
        assert read(content, RECEIVED) == found


def assert_orders_are_complete(found: Read) -> None:
    """Each result that makes or changes an order is in exactly the orders of its hearing."""
    hearings = {e.subject: b for e, b in found.facts if isinstance(b, HearingResulted)}
    orders = {e.subject: b for e, b in found.facts if isinstance(b, OrdersResulted)}
    assert hearings.keys() == orders.keys()
    for subject, hearing in hearings.items():
        carried = {(o.sequence, r.cjs_result_code) for o in hearing.offences for r in o.results}
        made = {(number, order.code) for order in orders[subject].orders for number in order.offences}
        assert {each for each in made if each[1] in ORDERS} == {each for each in carried if each[1] in ORDERS}
        assert made <= carried
        places = [(order.code, order.number) for order in orders[subject].orders]
        assert len(places) == len(set(places))


@settings(max_examples=500)
@given(
    st.sampled_from(MESSAGES),
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=4),
    st.integers(0, 20_000),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-32-be"]),
)
def test_broken_bytes_are_refused_or_read_and_never_raise(
    message: Any, flips: list[tuple[int, int]], end: int, encoding: str
) -> None:
    content = bytearray(json.dumps(message).encode(encoding))
    for place, value in flips:
        content[place % len(content)] = value
    for broken in (bytes(content), bytes(content[: end % len(content)])):
        found = read(broken, RECEIVED)
        assert found.facts or found.refusals


def marked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: f"{MARK} {inner}" if name in PERSONAL and isinstance(inner, str) else marked(inner)
            for name, inner in value.items()
        }
    return [marked(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=300)
@given(st.sampled_from(MESSAGES), operations, st.booleans())
def test_names_addresses_and_texts_reach_no_envelope_and_no_refusal(
    message: Any,
    changes: list[tuple[str, int, int]],
    broken: bool,  # noqa: FBT001
) -> None:
    changed = marked(message)
    for change in changes:
        mutated(changed, *change)
    content = cp.encoded(changed)
    found = read(content[:-20] if broken else content, RECEIVED)
    for envelope, _ in found.facts:
        assert MARK.lower() not in repr(envelope).lower()
    assert MARK.lower() not in repr(found.refusals).lower()


def numbered(n: int) -> cp.Object:
    """The n-th defendant of a case, with a reference of his own."""
    return cp.defendant(cp.convicted(cp.imprisonment()), asn=f"D{n}", masterDefendantId=f"m-{n}", id=f"d-{n}", pncId="")


def many_results(n: int) -> list[cp.Object]:
    return [cp.result(f"{k:04}", f"Result {k}", rootJudicialResultId=f"r-{k % 7}") for k in range(n)]


FEW, MANY = 30, 240
OF_SIZE: dict[str, Callable[[int], Any]] = {
    "defendants": lambda n: cp.shared(cp.case(*map(numbered, range(n)))),
    "parts of one defendant": lambda n: cp.shared(*[cp.case(cp.defendant(cp.convicted(cp.imprisonment())))] * n),
    "offences": lambda n: cp.shared(
        cp.case(cp.defendant(*(cp.convicted(cp.imprisonment(), sequence=k + 1) for k in range(n))))
    ),
    "results of one offence": lambda n: cp.shared(cp.case(cp.defendant(cp.convicted(*many_results(n))))),
    "results of one defendant": lambda n: cp.shared(
        cp.case(cp.defendant(cp.convicted(), judicialResults=many_results(n)))
    ),
    "results of everybody": lambda n: cp.shared(
        cp.case(cp.defendant(cp.convicted())),
        defendantJudicialResults=[{"masterDefendantId": cp.MASTER, "judicialResult": each} for each in many_results(n)],
    ),
    "applications": lambda n: cp.shared(
        cp.case(cp.defendant(cp.convicted())),
        applications=[cp.application(cp.result(None, "Granted"), id=f"a-{k}") for k in range(n)],
    ),
    "messages in texts": lambda n: [json.dumps(cp.shared(cp.case(numbered(1))))] * n,
    "days": lambda n: cp.shared(
        cp.case(cp.defendant(cp.convicted(*many_results(n)))),
        hearingDays=[{"sittingDay": f"2025-{1 + k // 28:02}-{1 + k % 28:02}T10:00:00Z"} for k in range(n)],
    ),
}


@pytest.mark.parametrize("what", OF_SIZE)
def test_eight_times_as_much_of_anything_costs_about_eight_times_as_much(what: str) -> None:
    def cost(number: int) -> int:
        message = cp.encoded(OF_SIZE[what](number))
        return steps(lambda: read(message, RECEIVED))

    cost(1)  # tables of codes are read once by a process
    assert cost(MANY) < 1.1 * MANY / FEW * cost(FEW)
