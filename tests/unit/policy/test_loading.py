"""A wrong file is refused with its name, the line and what would be right; a right one says what it says."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from services.platform.policy.load import PolicyRefusedError, load, read_set
from services.platform.policy.tables import Named
from tests.unit.policy.small_files import AGENCIES, FILES, POLICY, ROUTES

NEVER = Named()


def refusal(files: dict[str, str], named: Named = NEVER) -> list[str]:
    with pytest.raises(PolicyRefusedError) as refused:
        read_set(files, named)
    return [str(problem) for problem in refused.value.problems]


def broken(file: str, right: str, wrong: str) -> dict[str, str]:
    assert right in FILES[file], "the table of mistakes is out of date"
    return {**FILES, file: FILES[file].replace(right, wrong, 1)}


def test_the_smallest_files_load() -> None:
    read_set(FILES, Named(routes=frozenset({"high_risk"})))


SINCE = "begins: 2024-01-01, source: invented"
DAY = "begins: 2024-01-01"
YEAR_BEGINS, YEAR_ENDS = "begins: 2026-01-01T00:00:00Z", "ends: 2026-01-01T00:00:00Z"

# What is right, what is written, the line of the refusal, its advice.
IN_ROUTES = [
    ("within: {minutes: 15}", "within: {minutes: soon}", 6, "`within.minutes`: write a whole number"),
    ("within: {minutes: 15}", "within: {}", 6, "give one unit of time"),
    ("within: {minutes: 15}", "within: {minutes: 15, hours: 1}", 6, "give one unit of time"),
    ("within: {minutes: 15}", "within: {minuts: 15}", 6, "perhaps `minutes` is meant"),
    ("{hours: 24}", "{hours: 0}", 11, "greater than or equal to 1"),
    ("    source: invented\n", "", 2, "`source` is missing here: add it"),
    ("    recipients:", "    telling:", 8, "there is no `telling` here; what can stand here: `begins`"),
    (DAY, "begins: last year", 3, "`begins`: a date is expected, as 2026-03-02"),
    (DAY, "begins: 1066-10-14", 3, "dates lie between 1900 and 2199"),
    (DAY, DAY + "\n    ends: 2023-01-01", 4, "`ends` must be after `begins`"),
    (DAY, DAY + "\n    ends: 2025-01-01", 4, "nothing is in force after this"),
    ("T00:00:00Z", "T00:00:00", 5, "write a moment with its zone"),
    ("route: high_risk", "route: high risk", 2, "write one word"),
    ("kind: idva", "kind: idvas", 9, "there is no kind `idvas`; perhaps `idva` is meant"),
    ("kind: dsl", "kind: idva", 12, "`idva` is already told by this route"),
    ("kind: dsl", "kind: refuge", 12, "no route may tell `refuge`"),
    ("kind: dsl", "kind: idva, texts: [hello]", 12, "there is no text `hello`"),
    ("ask: accept", "ask: promise", 11, "write one of 'acknowledge', 'accept' or 'decide'"),
    ("declined]", "refused]", 11, "there is no answer `refused`"),
    ("answers: [accepted, declined]", "answers: []", 11, "at least 1 item"),
    ("  - route", "\t- route", 2, "this is not YAML"),
    ("source: invented", "source: it says: this", 4, "quote text with a colon"),
    ("source: invented", f"source: {'[' * 500}{']' * 500}", 4, "nested too deeply"),
    ("source: invented", f"source: {'[' * 100_000}{']' * 100_000}", 4, "nested too deeply"),
    ("source: invented", "source: &itself [*itself]", 4, "within itself"),
    ("source: invented", "source: one\n    source: two", 5, "`source` is already given on line 4"),
    ("routes:", "rotes:", 1, "there is no table `rotes`; perhaps `routes` is meant"),
    (ROUTES, "", 1, "begin with the name of a table"),
    (ROUTES, "- route: high_risk", 1, "begin with the name of a table"),
    (ROUTES, "routes: {route: high_risk}", 1, "`routes` is a list"),
    (ROUTES, "routes:\n  - high_risk", 2, "write keys and values"),
]
IN_AGENCIES = [
    ("id: north-idva", "id: North IDVA", 2, "such as `idva-larkmead`"),
    ("id: first-school", "id: north-idva", 11, "already given at agencies.yaml:2"),
    ("kind: mash", "kind: mush", 12, "there is no kind `mush`; perhaps `mash` is meant"),
    ("las: [901]", "las: [90]", 5, "write three figures"),
    ("las: [901]", "las: [902]", 5, "there is no local authority `902`; perhaps `901` is meant"),
    ("las: [901]", "forces: [55]", 5, "there is no force `55`"),
    ("las: [901]", "courts: [55]", 5, "there is no area of courts `55`"),
    ("las: [901]", "able_for: [955]", 5, "there is no force or local authority `955`"),
    ("      - {desk: manager, name: Manager}\n", "", 7, "the `manager` desk is missing"),
    ("name: Manager}", f"name: Manager, {YEAR_ENDS}}}", 9, "after this one ends"),
    ("name: Manager}", f"name: Manager, {YEAR_BEGINS}}}", 9, "before this one begins"),
    ("desk: manager", "desk: duty", 9, "two `duty` desks"),
    ("default: true\n", f"{YEAR_BEGINS}\n    default: true\n", 6, "always there: take `begins` out"),
    ("[900001]", f"[900001], {YEAR_ENDS}, begins: 2027-01-01T00:00:00Z", 11, "`ends` must be after `begins`"),
    ("kind: dsl", "kind: mash, default: true", 12, "is the default of this kind: keep one"),
]
IN_POLICY = [
    ("data_class: P", "data_class: Q", 7, "write one of 'R', 'T', 'O'"),
    ("serves: victim", "serves: everybody", 4, "write one of 'victim', 'child'"),
    ("outward: true", "outward: perhaps", 5, "write true or false"),
    (", falls_back_to: mash", "", 9, "add `falls_back_to`"),
    ("falls_back_to: mash", "falls_back_to: idva", 9, "to one that serves a child"),
    ("falls_back_to: mash", "falls_back_to: marsh", 9, "there is no kind `marsh`"),
    ("08:30", "half past", 13, "write a time of day as 08:30"),
    ("escalation_steps:\n  - {begins", "escalation_steps:\n  - {remind: 0.9, begins", 16, "order these"),
    ("force: 054", "force: 055", 24, "there is no force `055`"),
    ("code: 054", "code: 5", 22, "write two to five capital letters or figures"),
    ("mash, title: Front door", "idva, title: Front door", 10, "already given at policy.yaml:2"),
]
FILE_OF = (("routes.yaml", IN_ROUTES), ("agencies.yaml", IN_AGENCIES), ("policy.yaml", IN_POLICY))
MISTAKES = [(file, *mistake) for file, mistakes in FILE_OF for mistake in mistakes]


@pytest.mark.parametrize(("file", "right", "wrong", "line", "advice"), MISTAKES)
def test_a_mistake_is_refused_with_file_line_and_advice(
    file: str, right: str, wrong: str, line: int, advice: str
) -> None:
    said = refusal(broken(file, right, wrong))
    assert any(one.startswith(f"{file}:{line}: ") and advice in one for one in said), said


LINKS = f"link_clocks:\n  - {{{SINCE}, within: {{hours: 1}}, "
TERMS = "school_calendars:\n  - source: invented\n"
ONE_TERM, NEXT_TERM = "{first: 2026-01-05, last: 2026-02-13}", "{first: 2026-02-13, last: 2026-03-13}"
TICKS = f"thresholds:\n  - {{{SINCE}, tool: RIC, "
GAP = f"""\
clocks:
  - {{clock: gap, {SINCE}, ends: 2025-01-01, within: {{hours: 1}}}}
  - {{clock: gap, begins: 2026-01-01, source: invented, within: {{hours: 1}}}}
"""
SAME_AREA = AGENCIES.replace("id: ", "id: other-").replace("    default: true\n", "").replace("default: true, ", "")
FORCE_ONLY = f"x-any: [thing]\nwindows:\n  - {{window: escalation, forces: [054], {SINCE}, n: 3, months: 12}}"
TIMES = (
    "times: {session_begins: 09:00, school_morning: 07:30, working_day_opens: 09:00, working_day_closes: 17:00,"
    " longest_break_days: 75, source: invented}"
)

# What is added in a file of its own, the line of the refusal, its advice.
ADDED = [
    (ROUTES, 3, "this overlaps the row at routes.yaml:2: let one of them be in force"),
    (GAP, 3, "write `begins: 2025-01-01`"),
    (FORCE_ONLY, 3, "a row with `window: escalation`, for all forces"),
    (TICKS + "marac: 9, idva_without_consent: 14, idva_with_consent: 10}", 2, "order these: `idva_with_consent`"),
    (LINKS + "type: uk.court.orders-resulted, route: nobody}", 2, "there is no route `nobody`"),
    (LINKS + "type: uk.court.orders-made, route: ~}", 2, "there is no type `uk.court.orders-made`"),
    (LINKS + "type: orders, route: ~}", 2, "write a type without its version"),
    ("may_state:\n  - {type: uk.agency.link-made, kinds: [dait], source: x}", 2, "there is no kind `dait`"),
    ("texts:\n  - {text: other, words: x, read_by: [thing], source: x}", 2, "there is no kind `thing`"),
    ("may_state:\n  - {type: uk.agency.link-made, source: x}", 2, "give either `kinds` or `any_kind: true`"),
    (TERMS + f"    terms: [{ONE_TERM}]", 2, "give `la_code`"),
    (TERMS + "    la_code: 901\n    terms: [{first: 2026-02-05, last: 2026-01-13}]", 4, "`last` must not be before"),
    (TERMS + f"    la_code: 901\n    terms: [{ONE_TERM}, {NEXT_TERM}]", 4, "two terms share a day"),
    (
        TERMS + f"    la_code: 901\n    session_begins: 07:30\n    terms: [{ONE_TERM}]",
        4,
        "must be after `school_morning`",
    ),
    (TIMES, 1, "keep one"),
    (TIMES.replace("session_begins: 09:00", "session_begins: 07:30"), 1, "`school_morning` must be before"),
    (SAME_AREA, 5, "`north-idva` (agencies.yaml:2) already serves 901: here write `able_for`"),
    ("a: &a\n  - *a", 1, "within itself"),
]


@pytest.mark.parametrize(("text", "line", "advice"), ADDED)
def test_a_row_that_does_not_fit_the_others_is_refused(text: str, line: int, advice: str) -> None:
    said = refusal({**FILES, "z.yaml": text})
    assert any(one.startswith(f"z.yaml:{line}: ") and advice in one for one in said), said


def test_a_kind_that_a_route_tells_needs_a_default() -> None:
    files = {**FILES, "agencies.yaml": AGENCIES.replace("    default: true\n", "").replace(" default: true,", "")}
    assert [one.partition(" and ")[0] for one in refusal(files)] == [
        "policy.yaml:8: give one agency of kind `duty_inspector` `default: true`: escalation must end with somebody",
        "routes.yaml:9: no agency of kind `idva` has `default: true`,",
        "routes.yaml:12: no agency of kind `mash` has `default: true`,",
    ]


def test_names_that_rules_use_must_be_there() -> None:
    named = Named(routes=frozenset({"high_risk", "low_risk"}), clocks=frozenset({"pause"}), windows=frozenset({"year"}))
    assert [one.partition(", for all")[0] for one in refusal(FILES, named)] == [
        "policy:1: the table `windows` needs a row with `window: year`",
        "policy.yaml:18: the table `clocks` needs a row with `clock: pause`: add it",
        "routes.yaml:2: the table `routes` needs a row with `route: low_risk`: add it",
    ]


def test_all_mistakes_are_said_at_once_and_in_order() -> None:
    files = {
        **broken("policy.yaml", "data_class: P", "data_class: Q"),
        "routes.yaml": ROUTES.replace("minutes: 15", "minutes: soon").replace("hours: 24", "hours: many"),
        "agencies.yaml": AGENCIES.replace("id: north-idva", "id: NORTH"),
    }
    assert [one.split(": ")[0] for one in refusal(files)] == [
        "agencies.yaml:2", "policy.yaml:7", "routes.yaml:6", "routes.yaml:11",
    ]  # fmt: skip


def test_what_is_written_is_what_is_read() -> None:
    """Codes with leading noughts, times of day and the word `no` are not numbers, seconds or falsehood."""
    policy = read_set(
        {**FILES, "z.yaml": "texts:\n  - {text: no, words: 010, source: 1e3}\nplaceholders:\n  - {placeholder: no}"},
        NEVER,
    )
    assert policy.forces[0].code == "054"
    assert (policy.texts[-1].text, policy.texts[-1].words, policy.texts[-1].source) == ("no", "010", "1e3")
    assert policy.times.session_begins.isoformat() == "08:30:00"


def test_rows_may_share_what_they_have_in_common() -> None:
    more = ROUTES.replace("high_risk", "medium_risk").replace("  - route", "  - &one\n    route", 1)
    more += "  - {<<: *one, route: low_risk, within: {hours: 2}}\n"
    route = read_set({**FILES, "routes-more.yaml": more}, NEVER).at(datetime(2026, 1, 1, tzinfo=UTC)).route
    assert route("low_risk", date(2026, 1, 1)).recipients == route("medium_risk", date(2026, 1, 1)).recipients
    assert route("low_risk", date(2026, 1, 1)).within.hours == 2


def test_the_version_follows_the_content_and_not_its_order() -> None:
    released = read_set(FILES, NEVER).version
    first = "    title: Advocates\n    serves: victim\n"
    assert first in POLICY
    turned = POLICY.replace(first, "    serves: victim\n    title: Advocates\n")
    assert released == read_set({"a.yaml": turned, "b.yaml": ROUTES, "c.yaml": AGENCIES}, NEVER).version
    for file, right, wrong in (
        ("routes.yaml", "minutes: 15", "minutes: 16"),
        ("agencies.yaml", "Manager}", "Head}"),
        ("policy.yaml", "08:30", "08:31"),
    ):
        assert read_set(broken(file, right, wrong), NEVER).version != released


def test_a_folder_that_is_not_there_and_a_file_of_another_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyRefusedError, match="there is no such folder"):
        load(tmp_path / "nowhere", tmp_path, NEVER)
    (tmp_path / "policy.yaml").write_bytes("texts: [é]".encode("latin-1"))
    with pytest.raises(PolicyRefusedError, match="save this file as UTF-8"):
        load(tmp_path, tmp_path, NEVER)
