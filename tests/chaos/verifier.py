"""Says what a relay lost, issued twice or got wrong, from what was published and what a plain consumer then reads.

It took no part in the run: no broker, database or worker is behind what it expects, only the published events and the
rules as pure functions, over everything at once. What each agency must hold at the end is, for each duty, the live
content of the highest revision, without id, revision, lateness and times; what is closed or corrected is not held.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.envelope import fact_id
from schemas.registry import Received, decode
from services.casefile.facts import Fact
from services.casefile.judge import look
from services.casefile.links import files_of
from services.policy.policy import PolicySet
from services.runtime.broker import Message
from services.runtime.service import Service

Key = tuple[str, str, str]  # rule, subject, agency
Held = Mapping[Key, str]


@dataclass
class Verdict:
    """What is not as it must be; each line says which duty or notification."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.wrong)

    def __str__(self) -> str:
        parts = (("lost", self.lost), ("issued twice", self.twice), ("wrong", self.wrong))
        return "; ".join(f"{len(lines)} {what}: {lines[:5]}" for what, lines in parts)


def expected(
    published: Iterable[Message], services: Sequence[Service], policies: PolicySet, now: datetime
) -> dict[Key, str]:
    """What agencies must hold once all of it has been judged, in whatever order it came."""
    policy, held = policies.at(now), dict[Key, str]()
    facts = {fact.id: (topic, fact) for topic, fact in map(_fact, published)}
    for service in services:
        read = [fact for topic, fact in facts.values() if topic in service.reads]
        for file in files_of(read, policy.is_placeholder).values():
            for notice in look([file], {}, service.rules, policy, now, now).notices:
                matter = [
                    {"what": w, "about": a, "value": value, "basis": basis} for w, a, value, basis in notice.content
                ]
                rule, subject, agency = notice.key
                held[rule, subject, agency] = _content(matter, [asked.ask for asked in notice.asks])
    return held


def verify(must_hold: Held, notifications: Iterable[Mapping[str, Any]]) -> Verdict:
    """`notifications`: the contents that a consumer read, in the order of each topic."""
    verdict, of_id = Verdict(), dict[str, str]()
    revisions: dict[Key, dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for said in notifications:
        identity, text = said["notification"], json.dumps(said, sort_keys=True)
        if of_id.setdefault(identity, text) != text:
            verdict.twice.append(f"notification {identity} has two contents")
        key = (said["rule"], said["subject"], said["agency"])
        if (before := revisions[key].setdefault(said["revision"], said))["notification"] != identity:
            verdict.twice.append(f"{key} revision {before['revision']} was issued under two ids")
    for key, issued in revisions.items():
        _check_sequence(key, issued, verdict)
    holds = {key: issued[max(issued)] for key, issued in revisions.items() if issued[max(issued)]["state"] == "live"}
    for key, content in must_hold.items():
        if key not in holds:
            verdict.lost.append(f"{key} is not held")
        elif _content(holds[key]["matter"], [asked["ask"] for asked in holds[key]["asks"]]) != content:
            verdict.wrong.append(f"{key} is held with other content")
    verdict.wrong += [f"{key} is held and should not be" for key in holds if key not in must_hold]
    return verdict


def _check_sequence(key: Key, issued: Mapping[int, Mapping[str, Any]], verdict: Verdict) -> None:
    """Revisions have no gap, and nobody is told anew of what they hold already."""
    for revision in range(1, max(issued) + 1):
        if revision not in issued:
            verdict.lost.append(f"{key} revision {revision} was never published")
        elif issued[revision]["kind"] == "notify" and issued.get(revision - 1, {}).get("state") == "live":
            verdict.twice.append(f"{key} was told anew at revision {revision}")


def _content(matter: Iterable[Mapping[str, Any]], asks: Iterable[str]) -> str:
    said = sorted(json.dumps(item, sort_keys=True) for item in matter)
    return json.dumps([said, sorted(asks)])


def _fact(published: Message) -> tuple[str, Fact]:
    received = decode(published.topic, published.key, published.value, published.headers)
    assert isinstance(received, Received), received
    envelope = received.envelope
    return published.topic, Fact(
        fact_id(envelope.source, envelope.id),
        received.kind,
        envelope.subject,
        envelope.factversion,
        envelope.time,
        received.body,
    )
