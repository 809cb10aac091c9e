"""Two defendants whom a court names by one reference: what is decided of one takes nothing back from the other."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.registry import REGISTRY, encode
from services.intake.spi import read
from services.order_variations.__main__ import SERVICE as ORDER_VARIATIONS
from services.platform.streaming.sending import Message
from tests.broker.conftest import Play
from tests.broker.relay import Relay, message
from tests.broker.troubled import service
from tests.support import builders as b

pytestmark = pytest.mark.broker

RECEIVED = datetime(2026, 6, 3, 9, 0, tzinfo=UTC)
PLACEHOLDER, REAL, PROSECUTORS_OWN = "0800PP0100000000001H", "2654DC0100000004711B", "VEHICLE-17"
ORDER = "<Result><ResultCode>3047</ResultCode><ResultText>Not to contact her.</ResultText></Result>"
DISMISSED = "<Finding>N</Finding><Result><ResultCode>2006</ResultCode><ResultText>Dismissed.</ResultText></Result>"
CONVICTED = f"<ConvictionDate>2026-06-01</ConvictionDate><Finding>G</Finding>{ORDER}"
ALDEN, BRAM = ("ALDEN", "FICTION", "1985-03-04"), ("BRAM", "INVENTED", "1992-07-08")
Person = tuple[str, str, str]


def court_message(reference: str, *those: tuple[Person, str], hour: int = 16) -> list[Message]:
    """A court's XML about these defendants, as events on their streams."""
    defendants = "".join(
        f"<Defendant><ProsecutorReference>{reference}</ProsecutorReference><PersonDefendant>"
        f"<PersonGivenName1>{given}</PersonGivenName1><PersonFamilyName>{family}</PersonFamilyName>"
        f"<Birthdate>{born}</Birthdate></PersonDefendant><Offence><OffenceSequenceNumber>1</OffenceSequenceNumber>"
        f"<OffenceCode>CJ88116</OffenceCode><FinalDisposalIndicator>Y</FinalDisposalIndicator>{said}</Offence></Defendant>"
        for (given, family, born), said in those
    )
    xml = (
        f"<ResultedCaseMessage><CreationDateTime>2026-06-01T{hour}:30:00Z</CreationDateTime><Session>"
        "<CourtHearingLocation>B54SD00</CourtHearingLocation><DateOfHearing>2026-06-01</DateOfHearing>"
        f"<Case><PTIURN>54DC0012326</PTIURN>{defendants}</Case></Session></ResultedCaseMessage>"
    )
    found = read(xml.encode(), RECEIVED)
    assert not found.refusals
    events = []
    for envelope, body in found.facts:
        record = encode(envelope, body)
        topic = REGISTRY.topic_of(envelope.type.rpartition(".")[0])
        events.append(Message(topic, record.key, record.value, record.headers))
    return events


async def orders(relay: Relay) -> list[tuple[int, str]]:
    """How many orders each current statement has, with what its hearing begins with."""
    return sorted(
        (int(number), second[:5])
        for number, second in await relay.rows(
            """select jsonb_array_length(content::jsonb -> 'orders'), split_part(subject, '/', 2) from fact
            where is_current and kind = 'uk.court.orders-resulted'"""
        )
    )


@pytest.mark.parametrize("reference", [PLACEHOLDER, REAL, PROSECUTORS_OWN])
@pytest.mark.parametrize("messages", [1, 2])
def test_an_order_against_one_stands_whatever_is_decided_of_the_other(
    play: Play, reference: str, messages: int
) -> None:
    mine = replace(ORDER_VARIATIONS, name=service().name)
    both = [(ALDEN, CONVICTED), (BRAM, DISMISSED)]
    sent = [court_message(reference, *both)] if messages == 1 else [court_message(reference, each) for each in both]

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            for events in sent:
                await relay.publish(*events)
            await relay.settled(worker)
            assert [number for number, _ in await orders(relay)] == [0, 1]
            before = await orders(relay)
            await relay.publish(*court_message(reference, *reversed(both), hour=17))
            await relay.settled(worker)
            assert await orders(relay) == before
            amended = court_message(reference, (ALDEN, DISMISSED), (BRAM, CONVICTED), hour=18)
            await relay.publish(*amended)
            await relay.settled(worker)
            assert sorted(second for number, second in await orders(relay) if number) == sorted(
                second for number, second in before if not number
            )
            assert not await relay.rows("select 1 from refusal")

    play(story)


def test_a_case_in_another_spelling_is_linked_and_its_amendment_replaces(play: Play) -> None:
    mine = replace(ORDER_VARIATIONS, name=service().name)

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            refs = b.references(urn="54 dc 12326", asn="26/54DC/01/4711B", court_ou="B54SD00")
            incident = message(b.incident(), "uk.police.incident-reported")
            charge = message(b.charge(references=refs), "uk.police.charge-preferred")
            await relay.publish(incident, charge, *court_message(REAL, (ALDEN, CONVICTED)))
            await relay.settled(worker)
            assert await relay.rows("select 1 from fact where is_current and missing is not null") == []
            await relay.publish(*court_message("26/54DC/01/4711B", (ALDEN, DISMISSED), hour=17))
            await relay.settled(worker)
            assert [number for number, _ in await orders(relay)] == [0]

    play(story)
