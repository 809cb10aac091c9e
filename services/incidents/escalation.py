"""Escalation: ask the DAIT to review when the callouts for one victim and one suspect mount up."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from services.incidents import said
from services.incidents.counts import Reached, counted, thresholds_reached
from services.incidents.incident import READ_OF_VICTIMS, Victim, victims
from services.incidents.measures import of_count
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import INCIDENTS_REMEMBERED, CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed, withheld
from services.platform.domain.people.victims import held
from services.platform.policy.policy import SAFE_CONTACT_FRESH, Policy

Pair = tuple[Victim, str]  # she in one incident, and the place of the suspect there
Count = tuple[str, Reached]  # the place of the suspect, and the number that was reached with him


def escalation(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The DAIT reviews when callouts for the same victim and suspect reach the area's number within its window
    (SafeLives: potential escalation). The place in the incident that first reached it is the subject, and those that
    follow in the window update it; historic disclosures are a pattern, and do not count. Nor does what only a
    specialist may route: it is not named to the DAIT, and ends no review; what is reached with it alone waits."""
    hers = list(victims(file, policy))
    ordinary = [her for her in hers if her.held is None]
    reached, updating = counts(file, ordinary, policy)
    with_held, _ = counts(file, hers, policy) if len(ordinary) < len(hers) else (reached, updating)
    for her in hers:
        if her.place in reached:
            yield from review(file, policy, her, reached[her.place])
        elif her.place in updating:
            # Stated even if an earlier count includes it: it may have been told before an older incident came.
            yield from no_review(her, Reason.COUNTED_BEFORE, policy)
        elif her.place in with_held:
            yield from withheld_meanwhile(file, policy, her, with_held[her.place])
        else:
            yield from no_review(her, why_not(her), policy)


def counts(file: CaseFile, hers: Iterable[Victim], policy: Policy) -> tuple[dict[str, list[Count]], set[str]]:
    """The number as it was reached, by her place there, and the places that only follow in its window."""
    reached: dict[str, list[Count]] = {}
    updating: set[str] = set()
    for pairs in by_suspect(file, hers).values():
        where = {her.fact.id: (her.place, suspect) for her, suspect in pairs}
        incidents = counted([her.fact for her, _ in pairs], "escalation", policy)
        for found in thresholds_reached(incidents, policy):
            place, suspect = where[found.at.fact.id]
            reached.setdefault(place, []).append((suspect, found))
            updating.update(where[each.fact.id][0] for each in found.after)
    return reached, updating


def by_suspect(file: CaseFile, hers: Iterable[Victim]) -> dict[str, list[Pair]]:
    """Her incidents with each person suspected in them, one a fact, where they are domestic abuse between adults."""
    found: dict[str, dict[str, Pair]] = {}
    for her in hers:
        for place in her.suspects:
            found.setdefault(file.persons[place], {}).setdefault(her.fact.id, (her, place))
    return {person: list(pairs.values()) for person, pairs in found.items()}


@lru_cache(maxsize=INCIDENTS_REMEMBERED)
def no_review(her: Victim, why: Reason, policy: Policy) -> tuple[Statement, ...]:
    """Most of a long file: remembered for the next evaluation."""
    return tuple(nothing(her.file, policy, her, (her.fact,), why))


def review(file: CaseFile, policy: Policy, her: Victim, reached: list[Count]) -> Iterator[Statement]:
    """One review for each place, of every suspect with whom the number was reached there."""
    incidents = (
        item
        for suspect, found in reached
        for item in said.counted([each.fact for each in found.all], found.at.window.months, suspect)
    )
    yield from owed(
        file,
        policy,
        rule="escalation",
        subject=her.place,
        person=her.place,
        areas=her.areas,
        on=her.on,
        recorded_at=her.fact.at,
        grounds=behind(reached),
        matter=(*said.of_victim(her, policy, her.assessments[0]), *incidents),
        measured_by=measured_by(her, [suspect for suspect, _ in reached], policy),
        texts=said.sender_is_asked(her.incident),
    )


def withheld_meanwhile(file: CaseFile, policy: Policy, her: Victim, reached: list[Count]) -> Iterator[Statement]:
    """Withhold a count that is only reached with an incident that waits for a specialist."""
    waits = next(filter(None, (held(each.incident) for _, found in reached for each in found.all)), why_not(her))
    yield from nothing(file, policy, her, behind(reached), waits)


def behind(reached: list[Count]) -> tuple[Fact, ...]:
    """Each incident that was counted, once."""
    return tuple({each.fact.id: each.fact for _, found in reached for each in found.all}.values())


def nothing(
    file: CaseFile, policy: Policy, her: Victim, grounds: tuple[Fact, ...], reason: Reason
) -> Iterator[Statement]:
    yield from withheld(
        file,
        policy,
        rule="escalation",
        subject=her.place,
        areas=her.areas,
        on=her.on,
        grounds=grounds,
        reason=reason,
        measured_by=measured_by(her, her.suspects, policy),
    )


def measured_by(her: Victim, suspects: Iterable[str], policy: Policy) -> str:
    """The number and its window, and her with each suspect with whom it was counted."""
    window = policy.window("escalation", her.incident.force_code, her.on)
    return of_count(window, [(her.place, suspect) for suspect in suspects])


def why_not(her: Victim) -> Reason:
    """Why an incident by itself is no escalation."""
    return her.outside or (Reason.HISTORIC if her.incident.historic else Reason.BELOW_COUNT)


RULES = (
    Rule(
        "escalation",
        escalation,
        title="Incidents against one person that are mounting up",
        routes=("escalation",),
        reads=READ_OF_VICTIMS,
        windows=("escalation",),
        clocks=(SAFE_CONTACT_FRESH,),
    ),
)
