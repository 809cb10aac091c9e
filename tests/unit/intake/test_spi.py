"""Court results as courts send them: every defendant, offence, result and order of a message becomes a fact."""

import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring, tostring

from schemas.court_convictions.v1 import HearingResulted, NextHearing, Remand, ResultedOffence, Verdict
from schemas.court_order_variations.v1 import (
    Attribution,
    LegalBasis,
    Order,
    OrderAction,
    OrdersResulted,
    Prohibition,
    ProtectedPerson,
)
from schemas.doubts import Doubt, DoubtReason, doubts
from schemas.envelope import Envelope, version_of
from schemas.refusals import RefusalReason
from schemas.registry import REGISTRY, Received, content_of, decode, encode
from services.intake.fitting import UNCODED
from services.intake.spi import TEXT_GOES_ON, read

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "schemas" / "examples" / "spi").glob("*.xml"))
REAL = sorted((ROOT.parent / "shared" / "reference" / "spi").glob("*.xml"))
needs_real_messages = pytest.mark.skipif(not REAL, reason="the folder of real court messages is not beside this one")

RECEIVED = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
SOMEBODY = ProtectedPerson(role="other", attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED)
DAY = date(2026, 3, 2)


def example(name: str) -> bytes:
    return (ROOT / "schemas" / "examples" / "spi" / f"{name}.xml").read_bytes()


def facts(message: bytes, received_at: datetime = RECEIVED) -> tuple[list[HearingResulted], list[OrdersResulted]]:
    """What a message that is read whole says."""
    said = read(message, received_at)
    assert said.refusals == ()
    bodies = [body for _, body in said.facts]
    hearings = [body for body in bodies if isinstance(body, HearingResulted)]
    orders = [body for body in bodies if isinstance(body, OrdersResulted)]
    assert len(hearings) == len(orders) == len(bodies) / 2
    return hearings, orders


def hearing(name: str) -> HearingResulted:
    (only,), _ = facts(example(name))
    return only


def orders(name: str) -> tuple[Order, ...]:
    _, (only,) = facts(example(name))
    return only.orders


def envelope(message: bytes, received_at: datetime = RECEIVED) -> Envelope:
    """Of the first fact."""
    return read(message, received_at).facts[0][0]


def outcome(offence: ResultedOffence) -> tuple[int, Verdict | None, bool]:
    return offence.sequence, offence.verdict, offence.final


def test_an_order_on_conviction_is_one_order_for_both_offences_until_further_order() -> None:
    (hearing,), (resulted,) = facts(example("order-on-conviction"))
    assert resulted.subject == hearing.subject == "54DC0090126/2654DC0100000090001H/C54SD00/2026-03-02"
    assert resulted.orders == (
        Order(
            action=OrderAction.IMPOSED,
            code="3047",
            legal_basis=LegalBasis.SA20_S360,
            offences=(1, 2),
            made_on=DAY,
            until_further_order=True,
            protected_persons=(SOMEBODY,),
            prohibitions=(
                Prohibition(
                    code="3047",
                    text="Restraining order made for the defendant in the following terms: Not to contact Tamsin "
                    "Madeup directly or indirectly. Not to go to Nowhere Lane, Inventon. This order lasts until "
                    "further order. This order is made on conviction.",
                ),
            ),
            cause="sentence",
        ),
    )


def test_a_hearing_says_who_where_when_and_what_was_decided() -> None:
    stated = hearing("order-on-conviction")
    assert stated.references.model_dump(exclude_none=True) == {
        "urn": "54DC0090126",
        "asn": "2654DC0100000090001H",
        "court_ou": "C54SD00",
    }
    assert (stated.force_code, stated.court_type, stated.hearing_on) == ("54", "crown", DAY)
    assert stated.occurred_at == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert stated.defendant.model_dump(include={"name", "date_of_birth", "pnc_id"}) == {
        "name": "Orrin FABLE",
        "date_of_birth": date(1988, 2, 20),
        "pnc_id": "2010/0099999X",
    }
    assert stated.custody is True
    first = stated.offences[0]
    assert (first.code, first.title, first.verdict_code) == ("CJ88116", "Assault by beating", "G")
    assert (first.verdict_date, first.sentenced_on) == (date(2026, 2, 2), DAY)
    assert [(r.cjs_result_code, r.qualifiers) for r in first.results] == [
        ("1002", ()),
        ("3047", ("FA",)),
        ("4594", ("LG",)),
    ]


def test_a_conviction_without_an_order_states_an_empty_list() -> None:
    assert orders("conviction-without-order") == ()
    assert outcome(hearing("conviction-without-order").offences[0]) == (1, Verdict.CONVICTED, True)


def test_its_amendment_adds_the_order_under_a_higher_version_of_the_same_subject() -> None:
    before, after = envelope(example("conviction-without-order")), envelope(example("conviction-without-order-amended"))
    assert before.subject == after.subject
    assert before.factversion < after.factversion
    (order,) = orders("conviction-without-order-amended")
    assert (order.code, order.action, order.expires_on) == ("3047", OrderAction.IMPOSED, date(2028, 3, 1))


def test_an_order_on_acquittal_rests_on_the_older_act_and_binds_nobody_convicted() -> None:
    (order,) = orders("order-on-acquittal")
    assert (order.code, order.legal_basis, order.expires_on) == ("3260", LegalBasis.PHA97_S5A, date(2028, 3, 2))
    assert order.cause == "unknown"
    (offence,) = hearing("order-on-acquittal").offences
    assert (offence.verdict, offence.sentenced_on) == (Verdict.ACQUITTED, None)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("order-discharged", OrderAction.DISCHARGED),
        ("order-varied", OrderAction.VARIED),
        ("order-extended", OrderAction.VARIED),
        ("order-changed-not-stated", OrderAction.CHANGED_NOT_STATED),
        ("order-change-refused", OrderAction.CHANGED_NOT_STATED),
    ],
)
def test_a_change_is_what_text_and_qualifiers_settle_and_names_no_order(name: str, action: OrderAction) -> None:
    (order,) = orders(name)
    assert (order.code, order.action, order.order, order.cause) == ("3263", action, None, "application")


def test_several_cases_defendants_and_sessions_are_hearings_of_their_own() -> None:
    hearings, resulted = facts(example("several-cases"))
    assert [(h.references.urn, h.defendant.name, h.court_ou, h.hearing_on, len(h.offences)) for h in hearings] == [
        ("54DC0091026", "Jasper NOBODY", "B54MW00", DAY, 4),
        ("54DC0091026", "Merle NOBODY", "B54MW00", DAY, 1),
        ("54DC0091126", "Imaginary Haulage Ltd", "B54MW00", DAY, 1),
        ("54DC0091126", "Piers NOONE", "B54MW00", DAY, 6),
        ("54DC0091226", "Jory NOONE", "C54SD00", date(2026, 2, 27), 2),
    ]
    assert [[o.code for o in r.orders] for r in resulted] == [["3047", "3047", "3263"], [], [], [], ["3326", "3307"]]


def test_one_code_in_the_same_words_is_one_order_and_in_others_the_second() -> None:
    _, (resulted, *_) = facts(example("several-cases"))
    assert [(o.number, o.code, o.offences, o.expires_on, o.until_further_order) for o in resulted.orders] == [
        (1, "3047", (1, 2), date(2028, 3, 1), None),
        (2, "3047", (3,), None, True),
        (1, "3263", (4,), None, None),
    ]
    assert resulted.orders[2].cause == "breach_proceedings"


def test_findings_are_read_with_their_results() -> None:
    hearings, _ = facts(example("several-cases"))
    assert [outcome(offence) for offence in hearings[3].offences] == [
        (1, Verdict.NO_EVIDENCE_OFFERED, True),
        (2, Verdict.WITHDRAWN, True),
        (3, Verdict.JURY_DISCHARGED, False),
        (4, Verdict.NGRI, True),
        (5, Verdict.UNFIT_DID_ACT, True),
        (6, Verdict.LIES_ON_FILE, True),
    ]


def test_a_suspended_sentence_keeps_nobody_in_custody() -> None:
    hearings, _ = facts(example("several-cases"))
    assert [h.custody for h in hearings] == [None, None, None, None, True]


def test_an_adjourned_conviction_is_not_final_and_says_what_comes_next() -> None:
    stated = hearing("adjourned")
    assert outcome(stated.offences[0]) == (1, Verdict.CONVICTED, False)
    assert stated.offences[0].sentenced_on is None
    assert stated.remand is Remand.CONDITIONAL_BAIL
    assert [condition.code for condition in stated.bail_conditions] == ["JK"]
    assert stated.next_hearing == NextHearing(court_ou="C54SD00", on=date(2026, 3, 16))


def test_unknown_codes_are_carried_and_references_made_to_fit() -> None:
    stated = hearing("unknown-codes")
    assert (stated.references.urn, stated.references.asn) == ("54DC0093026", "2654DC0100000093001Z")
    assert stated.court_type == "unknown"
    assert stated.remand is Remand.UNKNOWN
    (offence,) = stated.offences
    assert outcome(offence) == (1, None, False)
    assert offence.results[0].cjs_result_code == "9998"
    assert "LG" in offence.results[0].qualifiers
    assert len(offence.results) == 2


def test_a_message_that_says_little_is_read_whole() -> None:
    (one, other), (orders_of_one, _) = facts(example("little-said"))
    assert one.subject != other.subject
    assert one.court_ou == "PSA9999"
    assert [(o.sequence, o.code, len(o.results)) for o in one.offences] == [(999, UNCODED, 2)]
    assert [(o.action, o.code, o.offences) for o in orders_of_one.orders] == [(OrderAction.IMPOSED, "3047", (999,))]
    assert [(o.sequence, o.code, o.verdict, o.final) for o in other.offences] == [
        (2, "CJ88001", None, False),
        (999, "CJ88116", Verdict.CONVICTED, True),
    ]


def test_the_same_message_under_another_id_is_the_same_event() -> None:
    message = example("order-on-conviction")
    again = message.replace(b"SPI-EXAMPLE-1", b"ANOTHER-ID")
    assert read(message, RECEIVED).facts == read(again, RECEIVED + timedelta(days=3)).facts


def test_received_again_without_a_time_of_its_own_it_has_the_same_content_under_a_later_version() -> None:
    message, later = example("unknown-codes"), RECEIVED + timedelta(minutes=5)
    first, second = read(message, RECEIVED), read(message, later)
    assert [content_of(body) for _, body in first.facts] == [content_of(body) for _, body in second.facts]
    assert [e.version_basis for e, _ in (*first.facts, *second.facts)] == ["receipt"] * 4
    assert [e.factversion for e, _ in second.facts] == [version_of(later)] * 2


@pytest.mark.parametrize(
    ("written", "basis"),
    [
        ("2026-03-02T16:30:05.25+00:00", "written"),
        ("2026-03-02T00:00:00", "written"),  # without a zone it is London's
        ("2026-10-01T09:59:00Z", "written"),
        ("2026-10-01T10:01:00Z", "receipt"),  # more than an hour after receipt
        ("2026-03-01T23:59:59Z", "receipt"),  # before the hearing
        ("2001-12-17T09:30:47-05:00", "receipt"),
        ("yesterday", "receipt"),
        ("2026-13-45T99:99:99Z", "receipt"),
        ("0001-01-01T00:00:00+14:00", "receipt"),
        ("9999-12-31T23:59:59-14:00", "receipt"),
    ],
)
def test_a_version_is_the_time_of_writing_if_that_can_be_true(written: str, basis: str) -> None:
    message = example("order-on-conviction").replace(b"2026-03-02T16:30:05.25+00:00", written.encode())
    stated = envelope(message)
    assert stated.version_basis == basis
    assert stated.factversion == version_of(stated.time)
    assert (stated.time == RECEIVED) == (basis == "receipt")


def test_elements_of_one_defendant_at_one_hearing_are_merged_whole() -> None:
    message = fromstring(example("several-cases"))
    case = message.find(".//{*}Case")
    moved = case.findall("{*}Defendant")[0]
    copy = fromstring(tostring(moved))
    for offence in copy.findall("{*}Offence")[:3]:
        copy.remove(offence)
    moved.remove(moved.findall("{*}Offence")[3])
    case.append(copy)
    assert facts(tostring(message)) == facts(example("several-cases"))


def test_two_defendants_without_a_reference_do_not_become_one() -> None:
    message = example("several-cases").decode()
    for reference in ("2654DC0100000091001V", "2654DC0100000091002W"):
        message = message.replace(f"<DC:ProsecutorReference>{reference}</DC:ProsecutorReference>", "")
    assert len({h.subject for h in facts(message.encode())[0]}) == 5


@pytest.mark.parametrize("not_said", [(), ("Birthdate",), ("PersonGivenName1", "PersonFamilyName")])
def test_elements_of_one_defendant_without_a_reference_are_one_by_what_they_say_of_him(
    not_said: tuple[str, ...],
) -> None:
    message = fromstring(example("several-cases"))
    case = message.find(".//{*}Case")
    him = case.findall("{*}Defendant")[0]
    for parent in list(him.iter()):
        for child in [each for each in parent if each.tag.partition("}")[2] in ("ProsecutorReference", *not_said)]:
            parent.remove(child)
    again = fromstring(tostring(him))
    for offence in again.findall("{*}Offence")[:3]:
        again.remove(offence)
    him.remove(him.findall("{*}Offence")[3])
    case.append(again)
    hearings, _ = facts(tostring(message))
    whole, _ = facts(example("several-cases"))
    assert sorted(len(each.offences) for each in hearings) == sorted(len(each.offences) for each in whole)


def test_a_placeholder_is_no_reference() -> None:
    message = example("several-cases").decode()
    for reference in ("2654DC0100000091001V", "2654DC0100000091002W"):
        message = message.replace(reference, "Unknown")
    assert len({h.subject for h in facts(message.encode())[0]}) == 5


@pytest.mark.parametrize("reference", ["2654DC0100000091001V", "0800PP0100000000001H", "VEHICLE-17"])
def test_two_defendants_with_one_reference_are_two_hearings(reference: str) -> None:
    message = example("several-cases").decode()
    for own in ("2654DC0100000091001V", "2654DC0100000091002W"):
        message = message.replace(own, reference)
    hearings, resulted = facts(message.encode())
    assert [h.defendant.name for h in hearings[:2]] == ["Jasper NOBODY", "Merle NOBODY"]
    assert [len(h.offences) for h in hearings[:2]] == [4, 1]
    assert [len(r.orders) for r in resulted[:2]] == [3, 0]


def test_two_offences_of_one_sequence_number_are_both_kept_under_it() -> None:
    message = example("order-on-conviction").replace(b">002<", b">001<")
    (stated,), _ = facts(message)
    assert [(o.sequence, o.code) for o in stated.offences] == [(1, "CD71039"), (1, "CJ88116")]


def test_a_long_text_is_carried_whole() -> None:
    long = "Not to contact anyone. " * 500
    message = example("order-varied").replace(b"Not to contact Tamsin Madeup", long.encode())
    (stated,), (resulted,) = facts(message)
    result = stated.offences[0].results[0]
    carried = (result.text or "") + "".join(p.value for p in result.prompts if p.label == TEXT_GOES_ON)
    assert long.strip() in carried
    assert "".join(p.text or "" for p in resulted.orders[0].prohibitions) == carried


@pytest.mark.parametrize("written", ["1988-02-30", "2088-02-20", "20 Feb 88"])
def test_a_date_of_birth_that_cannot_be_right_is_kept_and_doubted(written: str) -> None:
    messages = facts(example("order-on-conviction").replace(b"1988-02-20", written.encode()))
    for stated in (said for each in messages for said in each):
        assert stated.defendant.born is None
        assert doubts(stated) == (Doubt("defendant.date_of_birth", DoubtReason.BIRTH_DATE_IMPOSSIBLE),)


def test_of_two_dates_of_birth_the_one_that_can_be_read_is_his() -> None:
    twice = b"<DC:Birthdate>20 Feb 88</DC:Birthdate><DC:Birthdate>1988-02-20</DC:Birthdate>"
    message = example("order-on-conviction").replace(b"<DC:Birthdate>1988-02-20</DC:Birthdate>", twice)
    assert message.count(b"Birthdate>") == 4
    for stated in (said for each in facts(message) for said in each):
        assert stated.defendant.date_of_birth == date(1988, 2, 20)


def test_a_young_defendants_guardian_is_not_the_defendant() -> None:
    guardian = (
        b"<DC:ParentGuardian><DC:PersonName><DC:PersonGivenName1>Elder</DC:PersonGivenName1>"
        b"<DC:PersonFamilyName>GUARDIAN</DC:PersonFamilyName></DC:PersonName><DC:Birthdate>1950-01-01</DC:Birthdate>"
        b"</DC:ParentGuardian><DC:PersonDefendant>"
    )
    (stated,), _ = facts(example("adjourned").replace(b"<DC:PersonDefendant>", guardian))
    assert (stated.defendant.name, stated.defendant.date_of_birth) == ("Lorcan FABLE", date(1993, 3, 3))


@pytest.mark.parametrize("wrapper", ["<Envelope><Body>{}</Body></Envelope>", "<x xmlns='urn:soap'><y/>{}</x>", "{}"])
def test_what_a_message_is_wrapped_in_does_not_matter(wrapper: str) -> None:
    inner = example("little-said").decode()
    assert facts(wrapper.format(inner).encode()) == facts(inner.encode())


def test_a_message_inside_a_text_is_read() -> None:
    inner = '<?xml version="1.0" encoding="UTF-8"?>' + example("little-said").decode()
    assert facts(f"<Deliver><Message><![CDATA[{inner}]]></Message></Deliver>".encode()) == facts(example("little-said"))


@pytest.mark.parametrize("kept", ["half", "its first elements"])
def test_of_messages_inside_texts_one_that_is_cut_off_is_said_and_the_others_are_read(kept: str) -> None:
    inner = example("little-said").decode()
    cut = inner[: len(inner) // 2 if kept == "half" else inner.index("Defendant") - 1]
    texts = (f"<Message><![CDATA[{said}]]></Message>" for said in (inner, cut))
    found = read(f"<Deliver>{''.join(texts)}</Deliver>".encode(), RECEIVED)
    assert found.facts == read(inner.encode(), RECEIVED).facts
    (refusal,) = found.refusals
    assert refusal.reason is RefusalReason.INCOMPLETE
    assert refusal.detail.startswith("text 2 that holds a message of its own: ")


def test_a_message_beside_one_inside_a_text_is_read_and_so_is_the_other() -> None:
    plain, inside = (example(name).decode().partition("?>") for name in ("little-said", "adjourned"))
    both = facts(f"<Deliver>{plain[2] or plain[0]}<Text><![CDATA[{inside[2] or inside[0]}]]></Text></Deliver>".encode())
    alone = facts(example("little-said")), facts(example("adjourned"))
    assert [len(stated) for stated in both] == [len(alone[0][n]) + len(alone[1][n]) for n in range(2)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_any_encoding_that_the_message_declares_is_read(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    message = example("order-on-conviction").decode().replace("UTF-8", declared).replace("FABLE", "FÀBLE")
    (stated,), _ = facts(message.encode(encoding))
    assert stated.defendant.name == "Orrin FÀBLE"


BOMB = b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;&b;">]><ResultedCaseMessage>&d;</ResultedCaseMessage>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><ResultedCaseMessage>&b;</ResultedCaseMessage>'


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "incomplete"),
        (b"   ", "incomplete"),
        (example("order-on-conviction")[:2000], "incomplete"),
        (b"{}", "not_xml"),
        (b"<a><b></a>", "not_xml"),
        (b"<a>\x00</a>", "not_xml"),
        (b"<a>\xc3\xa9 and \xe9</a>", "wrong_encoding"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "wrong_encoding"),
        (b'<?xml version="1.0" encoding="UTF-16"?><a/>', "wrong_encoding"),
        (BOMB, "xml_entities"),
        (OUTSIDE, "xml_entities"),
        (b"<a>" * 200 + b"</a>" * 200, "too_deep"),
        (b"<a>" + b" " * 6_000_000 + b"</a>", "too_large"),
        (b"<a/>", "not_a_court_result"),
        (b"<ResultedCaseMessage><Session/></ResultedCaseMessage>", "not_a_court_result"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_with_a_reason_from_the_closed_list(message: bytes, reason: str) -> None:
    said = read(message, RECEIVED)
    assert said.facts == ()
    assert [refusal.reason for refusal in said.refusals] == [reason]


def test_a_case_without_defendants_is_said_and_the_others_are_read() -> None:
    message = example("order-on-conviction").replace(
        b"</DC:Session>", b"<DC:Case><DC:PTIURN>5</DC:PTIURN></DC:Case></DC:Session>"
    )
    said = read(message, RECEIVED)
    assert len(said.facts) == 2
    assert [(r.reason, r.detail) for r in said.refusals] == [
        ("missing_field", "ResultedCaseMessage/Case[2]: a Defendant is expected")
    ]


@pytest.mark.parametrize("path", [*EXAMPLES, *REAL], ids=lambda path: path.stem)
def test_every_fact_can_be_published_and_is_read_back(path: Path) -> None:
    for stated, body in read(path.read_bytes(), RECEIVED).facts:
        record = encode(stated, body)
        received = decode(REGISTRY.topic_of(stated.type.removesuffix(".v1")), record.key, record.value, record.headers)
        assert isinstance(received, Received)
        assert (received.envelope, received.body) == (stated, body)


@needs_real_messages
def test_all_offences_and_results_of_real_messages_are_accounted_for() -> None:
    walked: Counter[tuple[str, ...]] = Counter()
    stated: Counter[tuple[str, ...]] = Counter()
    offences = 0
    for path in REAL:
        tree = fromstring(path.read_bytes())
        for offence in tree.findall(".//{*}Offence"):
            offences += 1
            code = offence.findtext(".//{*}OffenceCode") or ""
            for result in offence.findall("{*}Result"):
                said = [(result.findtext(f"{{*}}{each}") or "").strip() for each in ("ResultCode", "ResultText")]
                qualifiers = (each.text or "" for each in result.findall("{*}ResultCodeQualifier"))
                walked[code.strip(), said[0] or UNCODED, said[1], *qualifiers] += 1
        for hearing in facts(path.read_bytes())[0]:
            for of in hearing.offences:
                for each in of.results:
                    stated[of.code, each.cjs_result_code, each.text or "", *each.qualifiers] += 1
    assert (offences, walked.total()) == (29, 57)
    assert stated == walked


@needs_real_messages
def test_a_real_restraining_order_is_read_as_one() -> None:
    (path,) = (each for each in REAL if each.stem.startswith("210"))
    _, (resulted,) = facts(path.read_bytes())
    (order,) = resulted.orders
    assert (order.action, order.code, order.legal_basis) == (OrderAction.IMPOSED, "3047", LegalBasis.PHA97_S5)
    assert (order.until_further_order, order.expires_on, order.cause) == (True, None, "sentence")
    assert order.protected_persons == (SOMEBODY,)
    assert envelope(path.read_bytes()).version_basis == "receipt"


def test_a_reference_in_digits_of_another_script_is_made_to_fit() -> None:
    message = example("order-on-conviction").decode()
    raw = fromstring(message.encode()).find(".//{*}ProsecutorReference")
    assert raw is not None
    assert raw.text
    (hearing,), _ = facts(message.replace(raw.text, f"２{raw.text[1:]}").encode())
    assert hearing.references.asn is None
    assert hearing.references.defendant_id


def test_an_escaped_text_of_very_many_declarations_is_read_in_a_moment() -> None:
    began = time.process_time()
    read(b"<Wrapper>" + b"&lt;?xml" * 50_000 + b"</Wrapper>", RECEIVED)
    assert time.process_time() - began < 5


FURTHER_ORDER = b"This order lasts until further order."
RESULT_ENDS = b"</DC:ResultText>"


def length_stated(text: bytes, *durations: bytes) -> tuple[date | None, bool | None, bool | None]:
    """The end, until further order, and whether it is unclear, of the order on conviction with this length."""
    message = example("order-on-conviction").replace(FURTHER_ORDER, text)
    coded = b"".join(b"<DC:Duration>%s</DC:Duration>" % each for each in durations)
    _, (resulted,) = facts(
        message.replace(text + b" This order is made on conviction." + RESULT_ENDS, text + RESULT_ENDS + coded)
    )
    (order,) = resulted.orders
    return order.expires_on, order.until_further_order, order.length_unclear


def coded(**parts: str) -> bytes:
    return "".join(f"<DC:{name}>{value}</DC:{name}>" for name, value in parts.items()).encode()


TWO_YEARS = coded(DurationValue="2", DurationUnit="Y")
AND_SIX_MONTHS = TWO_YEARS + coded(SecondaryDurationValue="6", SecondaryDurationUnit="M")


@pytest.mark.parametrize(
    ("text", "durations", "stated"),
    [
        (b"This order lasts for 2 years.", (), (date(2028, 3, 1), None, None)),
        (b"This order lasts for 2 years from release.", (), (None, None, True)),
        (b"This order lasts for 2 years from release.", (TWO_YEARS,), (date(2028, 3, 1), None, None)),
        (b"This order lasts until 2 March 2028.", (TWO_YEARS,), (date(2028, 3, 1), None, None)),
        (b"This order lasts until 2 March 2027.", (TWO_YEARS,), (None, None, True)),
        (FURTHER_ORDER, (TWO_YEARS,), (None, None, True)),
        (b"Not to go there.", (coded(DurationEndDate="2028-03-02"), TWO_YEARS), (date(2028, 3, 2), None, None)),
        (b"Not to go there.", (coded(DurationEndDate="2027-03-02"), TWO_YEARS), (None, None, True)),
        (b"Not to go there.", (TWO_YEARS + coded(DurationEndDate="2027-03-02"),), (None, None, True)),
        (b"Not to go there.", (coded(DurationEndDate="2026-03-02"),), (None, None, True)),
        (
            b"Not to go there.",
            (AND_SIX_MONTHS,),
            (None, None, True),
        ),
        (b"This order lasts until 1 March 2025.", (), (None, None, True)),
        (b"Not to go there.", (), (None, None, None)),
    ],
)
def test_a_coded_length_counts_before_words_and_what_contradicts_it_settles_nothing(
    text: bytes, durations: tuple[bytes, ...], stated: tuple[date | None, bool | None, bool | None]
) -> None:
    assert length_stated(text, *durations) == stated


def test_the_sender_hears_that_a_length_is_not_clear() -> None:
    message = example("order-on-conviction").replace(FURTHER_ORDER, b"This order lasts for 2 years from release.")
    _, (resulted,) = facts(message)
    assert doubts(resulted) == (Doubt("orders[0].length_unclear", DoubtReason.ORDER_LENGTH_UNCLEAR),)


def test_an_order_that_is_extended_by_nobody_knows_how_much_is_unclear() -> None:
    (order,) = orders("order-extended")
    assert (order.action, order.expires_on, order.length_unclear) == (OrderAction.VARIED, None, True)


def escaped(message: str, times: int) -> str:
    """In one wrapper for each time, as gateways put each other's messages into texts."""
    for _ in range(times):
        text = message.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        message = f"<Envelope><Body><Content>{text}</Content></Body></Envelope>"
    return message


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_message_escaped_several_times_is_read(times: int) -> None:
    inner = example("order-on-conviction").decode().partition("?>")[2]
    ampersand = inner.replace("Not to contact Tamsin Madeup", "Not to contact Tamsin Madeup &amp; her family")
    message = escaped(ampersand, times).encode()
    assert read(message, RECEIVED).refusals == ()
    (order,) = facts(message)[1][0].orders
    assert "Tamsin Madeup & her family" in (order.prohibitions[0].text or "")
    assert read(message, RECEIVED) == read(ampersand.encode(), RECEIVED)


def test_messages_in_more_wrappings_than_any_gateway_makes_are_refused() -> None:
    said = read(escaped("<Defendant/>", 9).encode(), RECEIVED)
    assert (said.facts, [refusal.reason for refusal in said.refusals]) == ((), ["too_deep"])


UNKNOWN_TIME = b"2010-01-01T00:00:00Z"


def court_message(number: str, *, written: bytes = UNKNOWN_TIME, more: bytes = b"") -> bytes:
    """One message of a court whose clock cannot be right."""
    message = example("order-on-conviction").replace(b"2026-03-02T16:30:05.25+00:00", written)
    message = message.replace(b"SPI-EXAMPLE-1", number.encode())
    return message.replace(b"</DeliverRequest>", more + b"</DeliverRequest>")


def test_the_same_message_is_the_same_event_whenever_it_is_received() -> None:
    first, later = (read(court_message("m-1"), RECEIVED + timedelta(days=day)).facts for day in (0, 3))
    assert [envelope.id for envelope, _ in first] == [envelope.id for envelope, _ in later]
    assert [envelope.factversion for envelope, _ in first] != [envelope.factversion for envelope, _ in later]


@pytest.mark.parametrize(
    "other",
    [
        court_message("m-3"),
        court_message("m-1", written=b"2010-01-01T00:00:01Z"),
        court_message("m-1", more=b"<RequestID>r-2</RequestID>"),
    ],
    ids=["another id", "another time", "another request"],
)
def test_another_message_of_the_same_content_is_an_event_of_its_own(other: bytes) -> None:
    first, second = (read(message, RECEIVED).facts for message in (court_message("m-1"), other))
    assert [body for _, body in first] == [body for _, body in second]
    assert not {envelope.id for envelope, _ in first} & {envelope.id for envelope, _ in second}


def test_when_a_message_inside_a_text_was_written_is_what_it_says_itself() -> None:
    inner = example("order-on-conviction").decode().partition("?>")[2]
    wrapped = escaped(inner, 1).replace("<Body>", "<CreationDateTime>2026-03-05T10:00:00Z</CreationDateTime><Body>")
    assert envelope(wrapped.encode()).time == envelope(inner.encode()).time
