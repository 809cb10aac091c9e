"""What the convictions service owes: missed orders, and results that lead to nobody (domain 2.7, 2.8)."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from tests.chaos.truth.facts import LONDON, Body, Content, Fact, Key, as_said, case_of, heard_on
from tests.chaos.truth.orders import Register, opens_again
from tests.chaos.truth.policy import Areas
from tests.chaos.truth.world import DESKS, World, lives

RULE_OF_BAIL = "bail_conditions_cancelled"
Conditions = tuple[bool | None, frozenset[tuple[str, str]]]  # whether they stand; code and words of each
UNKNOWN: Conditions = None, frozenset()
CANCEL, VARY = frozenset({"4596"}), frozenset({"4572", "4574", "4597"})
FREE = frozenset({"4013", "4014", "4047", "4542", "4543", "4558", "4589"})
ACQUITTALS = {"acquitted", "no_evidence_offered", "dismissed", "ngri"}


class Hearing(NamedTuple):
    """One offence at one hearing, with the verdict as it stood then."""

    fact: Fact
    offence: Body
    verdict: str | None
    on: date

    @property
    def final(self) -> bool:
        return self.verdict == "convicted" and bool(self.offence["final"])


def convictions_owe(world: World, register: Register) -> Iterator[tuple[Key, Content]]:
    cases: dict[str, list[Fact]] = defaultdict(list)
    for fact in world.facts["hearing-resulted"]:
        cases[case_of(fact)].append(fact)
        yield from of_unlinked_result(world, register, fact)
        yield from of_bail(world, fact)
        yield from of_doubtful_birth(world, register, fact)
    for case, hearings in cases.items():
        hearings.sort(key=lambda fact: (fact.body["hearing_on"], fact.subject))
        offences: dict[tuple[int, str], list[Hearing]] = defaultdict(list)
        for fact in hearings:
            for heard in offences.values() if opens_again(fact) else ():
                heard.append(Hearing(fact, fact.body["offences"][0], None, heard_on(fact)))
            for offence in fact.body["offences"]:
                heard = offences[offence["sequence"], offence["code"]]
                verdict = offence.get("verdict") or (heard[-1].verdict if heard else None)
                on = date.fromisoformat(offence.get("sentenced_on") or fact.body["hearing_on"])
                heard.append(Hearing(fact, offence, verdict, on))
        for heard in offences.values():
            named = set[str]().union(*(world.named(case, h.offence) for h in heard))
            for place in sorted(named):
                if world.victim_at(place):
                    yield from of_outcome(world, register, case, heard, place)
            yield from of_unconfirmed(world, case, heard, named)


def of_outcome(
    world: World, register: Register, case: str, heard: list[Hearing], place: str
) -> Iterator[tuple[Key, Content]]:
    """The missed order (domain 2.7): on final sentence or acquittal; closed by an order known to protect her."""
    last = heard[-1].verdict
    for rule in ("missed_order", "missed_order_on_acquittal"):
        convicted = rule == "missed_order"
        opened = next((h for h in heard if (h.final if convicted else h.verdict in ACQUITTALS)), None)
        undone = last != "convicted" if convicted else last not in ACQUITTALS
        if opened is None or undone or protected(world, register, place, opened):
            continue
        route = rule
        if convicted:
            if opened.offence["code"] in world.policy.no_offences:
                continue
            sort = opened.fact.body["court_type"]
            route = {
                "crown": "missed_order_crown",
                "magistrates": "missed_order_magistrates",
                "youth": "missed_order_magistrates",
            }.get(sort, "missed_order_limit_not_known")
            # Sentencing Code s.385: 56 days that begin with the day of sentence.
            if sort == "crown" and world.now.astimezone(LONDON).date() > opened.on + timedelta(days=55):
                continue
        body, offence = opened.fact.body, opened.offence
        yield from world.tell_hers(
            rule,
            f"{place}/{case}/{offence['sequence']}/{offence['code']}",
            place,
            body["court_ou"],
            lives(body["defendant"]),
            {"hearing": opened.fact.subject, "offences.sequence": offence["sequence"]},
            route=route,
        )


def of_unconfirmed(world: World, case: str, heard: list[Hearing], named: set[str]) -> Iterator[tuple[Key, Content]]:
    """Whether it is the offence charged against her (domain 1.2): asked where an order may have been missed."""
    convicted = next((h for h in heard if h.final), None)
    opened = convicted or next((h for h in heard if h.verdict in ACQUITTALS), None)
    if opened is None or opened.offence["code"] in world.policy.no_offences:
        return
    undone = heard[-1].verdict != "convicted" if convicted else heard[-1].verdict not in ACQUITTALS
    for place, charged in sorted(world.perhaps(case, opened.offence).items()):
        victim = world.victim_at(place)
        known = victim and any(world.person[place] == world.person[other] for other in named if other in world.person)
        if victim and not undone and not known:
            body, offence = opened.fact.body, opened.offence
            yield from world.tell_hers(
                "offence_unconfirmed",
                f"{place}/{case}/{offence['sequence']}/{offence['code']}",
                place,
                body["court_ou"],
                lives(body["defendant"]),
                {"hearing": opened.fact.subject, "charged_as": as_said(charged)},
            )


def protected(world: World, register: Register, place: str, opened: Hearing) -> bool:
    """Whether an order against him is known to protect her: made since, or in force on that day."""
    hers = {p for p in world.places[world.person[place]] if world.victim_at(p)}
    asn, day = opened.fact.body["references"]["asn"], date.fromisoformat(opened.fact.body["hearing_on"])
    return any(
        order.protects & hers
        and any(line.body["references"]["asn"] == asn for line in (order.made, *order.changes) if line)
        and ((order.made is not None and order.made.on >= day) or order.live_on(opened.on))
        for order in register.orders.values()
        if register.lies_with(order, world.person[place])
    )


def of_doubtful_birth(world: World, register: Register, fact: Fact) -> Iterator[tuple[Key, Content]]:
    """The DAIT, or the desk in its place, checks a defendant's date of birth after the hearing (domain 2.2)."""
    body = fact.body
    if (body["defendant"].get("date_of_birth") or "") > body["hearing_on"]:
        made = [order.made.fact for order in register.orders.values() if order.made]
        orders = (register.leads(made_by) for made_by in made if case_of(made_by) == case_of(fact))
        led_to = world.led_to(case_of(fact)).union(*orders)
        known = {place.partition("/")[0] for place in led_to & set(world.person)}
        held = {world.incidents[crime].held for crime in known}
        route = next((desk for why, desk in DESKS.items() if why in held), "birth_date_doubtful")
        areas = Areas(body.get("force_code") or body["references"]["urn"][:2], body["court_ou"])
        said = {"doubtful_date_of_birth": "birth_date_impossible"}
        yield from world.tell("defendant_birth_date_doubtful", route, f"{fact.kind}:{fact.subject}", areas, said)


def of_bail(world: World, fact: Fact) -> Iterator[tuple[Key, Content]]:
    """Conditions of his bail that a court cancelled, ended or varied."""
    became, _ = bail_became(world, fact)
    if became is not None:
        body = fact.body
        for place in sorted(filter(world.victim_at, world.named(case_of(fact)))):
            his, said = lives(body["defendant"]), {"bail_conditions": became}
            yield from world.tell_hers(RULE_OF_BAIL, f"{fact.subject}/{place}", place, body["court_ou"], his, said)


def bail_became(world: World, fact: Fact) -> tuple[str | None, bool]:
    """What this hearing did to the conditions, if it lessened them; and whether there were some for certain."""
    results, codes, remand = bail_of(fact)
    if results & CANCEL:
        return "cancelled", True
    stood, listed = UNKNOWN
    for earlier in sorted(world.facts["hearing-resulted"], key=lambda f: (f.body["hearing_on"], f.subject)):
        before = (earlier.body["hearing_on"], earlier.subject) < (fact.body["hearing_on"], fact.subject)
        if before and case_of(earlier) == case_of(fact):
            stood, listed = bail_left(earlier, (stood, listed))
    if results & FREE and not codes and remand != "custody" and stood is not False:
        return "ended", stood is True
    if remand == "unconditional_bail" and not codes and stood:
        return "ended", True
    varied = remand != "custody" and (results & VARY or (stood and codes and any(gone(c, codes) for c in listed)))
    return ("varied" if varied else None), bool(varied)


def bail_left(fact: Fact, before: Conditions) -> Conditions:
    results, codes, remand = bail_of(fact)
    if codes:
        return True, codes
    if results & (CANCEL | FREE) or remand in ("unconditional_bail", "custody"):
        return False, codes
    return (True, codes) if remand == "conditional_bail" and not before[0] else before


def gone(condition: tuple[str, str], listed: frozenset[tuple[str, str]]) -> bool:
    said = [words for code, words in listed if code == condition[0]]
    return not said or bool(condition[1] and all(words and words != condition[1] for words in said))


def bail_of(fact: Fact) -> tuple[frozenset[str], frozenset[tuple[str, str]], str | None]:
    results = frozenset(r["cjs_result_code"] for o in fact.body["offences"] for r in o["results"])
    codes = frozenset(
        (c["code"], " ".join(re.findall(r"\w+", f"{c.get('text') or ''} {c.get('zone') or ''}".lower())))
        for c in fact.body.get("bail_conditions", ())
    )
    return results, codes, fact.body.get("remand")


def of_unlinked_result(world: World, register: Register, fact: Fact) -> Iterator[tuple[Key, Content]]:
    body, offences = fact.body, fact.body["offences"]
    marked = (
        any(o["code"] in world.policy.da_offences for o in offences)
        or any("LG" in result.get("qualifiers", ()) for o in offences for result in o["results"])
        or {"DA", "DV"} & set(body.get("case_markers", ()))
        or body.get("da_finding_s56a") == "stated"
    )
    if world.leads_to_a_victim(case_of(fact)) or world.refused(case_of(fact)):
        return
    became, certain = bail_became(world, fact)
    if any(fact in register.opened_again(order) for order in register.orders.values()):
        yield from world.of_unlinked("unlinked_result", fact, "order_ground_fell", "order_ground_fell")
    elif became is not None and (certain or marked):
        yield from world.of_unlinked("unlinked_result", fact, f"bail_conditions_{became}", f"bail_conditions_{became}")
    elif marked:
        yield from world.of_unlinked("unlinked_result", fact, "hearing_resulted", None)
