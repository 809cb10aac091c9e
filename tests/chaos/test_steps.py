"""What agencies hold in the end is the same however a load was cut into batches, and in every order of arrival."""

import json
from collections.abc import Sequence
from random import Random

import pytest

from services.ops.policies import load as load_policies
from services.ops.serving import SERVICES
from services.platform.project import PROJECT
from services.platform.streaming import wire
from services.platform.streaming.sending import Message
from tests.chaos.calm import PSEUDONYMS, held_when_calm, received
from tests.chaos.load import load
from tests.chaos.verifier import REPLY, Held, content_of, key_of
from tests.situations.relay import Desk
from tests.support import builders as b

POLICIES = load_policies(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")
NOW = b.NOON
SEED, FAMILIES = 20261201, 60


def held_after_steps(published: Sequence[Message], chance: Random) -> Held:
    """What agencies hold where files are evaluated now and then while all this is read."""
    said = []
    for service in SERVICES.values():
        desk = Desk(service, service.rules, POLICIES)
        for topic, fact in map(received, published):
            if topic in service.reads:
                desk.read(fact)
                if chance.random() < 0.5:
                    desk.evaluate(NOW)
        desk.evaluate(NOW)
        for newest in desk.delivered.values():
            value = wire.notification(newest, service.name, POLICIES.at(NOW), PSEUDONYMS).value
            said.append(json.loads(value or b"null"))
    return {key_of(each): content_of(each) for each in said if each["state"] == "live" and each["rule"] != REPLY}


@pytest.mark.parametrize("number", range(FAMILIES))
def test_what_is_held_does_not_depend_on_the_steps(number: int) -> None:
    given, chance = load(SEED, 1, NOW, first=number), Random(number)  # noqa: S311 - a number must give the same order
    published = [event for event in given.events if event not in given.unbelievable]
    at_once = held_when_calm(published, POLICIES, NOW)
    chance.shuffle(published)
    assert held_after_steps(published, chance) == at_once
