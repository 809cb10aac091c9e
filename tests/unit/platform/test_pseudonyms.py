"""Names on streams say nothing of what they stand for to those who lack the deployment's secret."""

import hashlib

from services.platform.domain.core.escalation import MANAGER, step_key
from services.platform.domain.core.facts import Key
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.streaming.wire import subject_of

OURS, ANOTHER = Pseudonyms(b"ours"), Pseudonyms(b"another")
FILE = "record:vale-records:woman-1"
UNANSWERED = step_key(MANAGER, Key("high_risk", "54260012345/party/1", "idva-larkmead"), "accept", "idva-manager")


def test_a_name_is_the_same_under_one_secret_and_another_under_another() -> None:
    assert OURS.of(FILE) == Pseudonyms(b"ours").of(FILE) != ANOTHER.of(FILE)


def test_whoever_tries_record_ids_without_the_secret_finds_nobody() -> None:
    tried = {hashlib.new(name, FILE.encode()).hexdigest() for name in ("sha256", "sha512", "sha1", "md5", "blake2b")}
    assert not [digest for digest in tried if OURS.of(FILE) in digest]


def test_the_agency_that_did_not_answer_is_named_under_the_secret() -> None:
    said = subject_of(UNANSWERED, OURS)
    assert "idva-larkmead" not in said
    assert said != subject_of(UNANSWERED, ANOTHER)
