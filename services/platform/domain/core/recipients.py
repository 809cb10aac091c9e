"""Choose who is told: the agencies that policy names for an area; a service that took her on replaces her area's."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from services.platform.domain.core.facts import CaseFile
from services.platform.policy.model import Areas, Chosen, Route
from services.platform.policy.policy import Policy


class Subject(NamedTuple):
    """What is owed: by which rule, about what, whose duty it is, and when its ground was recorded."""

    rule: str
    subject: str
    person: str
    recorded_at: datetime


def chosen_for(file: CaseFile, policy: Policy, row: Route, areas: Areas, about: Subject) -> Iterator[Chosen]:
    """The agencies that a route tells in these areas; in place of a service of hers the one that has taken her on, if
    it may be asked there."""
    for chosen in policy.chosen(row, areas):
        yield _who_took_her_on(file, policy, chosen, about)


def _who_took_her_on(file: CaseFile, policy: Policy, chosen: Chosen, about: Subject) -> Chosen:
    """Who has taken her on is told of what arises later about her, not the one chosen by area (domain 2.9).

    Only one of those whom policy lets be asked in her area, so never one that has ended or is for elsewhere. Who has
    declined her is not asked again after it. About the very duty by which somebody was asked, escalation decides.
    """
    if policy.kind(chosen.agency.kind).serves != "victim" or about.person not in file.own_places:
        return chosen
    words = file.words_on_her
    to_take_on = any(asking.ask == "accept" for asking in chosen.recipient.asks)
    if any(word.takes_on and key[:2] == about[:2] for key, word in words.items()):
        return chosen
    able = {agency.id: agency for agency in (chosen.agency, *chosen.next_able)}
    # A referral of its own is answered for itself: only one that was recorded after she was taken on goes to who did.
    hers = [
        (word.at, word.fact, key.agency)
        for key, word in words.items()
        if word.takes_on and key.agency in able and (word.at if to_take_on else word.arose) <= about.recorded_at
    ]
    if not hers:
        return chosen
    _, _, first = min(hers)
    gave_back = {key.agency for key, word in words.items() if not word.takes_on}
    others = tuple(agency for agency in able.values() if agency.id not in {first, *gave_back})
    return chosen.model_copy(update={"agency": able[first], "next_able": others})
