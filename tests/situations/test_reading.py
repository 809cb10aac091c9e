"""A situation that is not understood is refused, and the reader is told where and why."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.situations.comparing import differences
from tests.situations.moments import in_words, moment
from tests.situations.playing import play
from tests.situations.reading import NotUnderstoodError, read

WHOLE = """about: one case
situations:
  - title: A case for tests
    law: none
    happens:
      - {at: Monday 2 March 2026 at 12:00, incident: CR1}
    told:
      - {rule: high_risk, to: [idva-larkmead, marac-larkmead, dait-54]}
"""


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NotUnderstoodError) as error:
        read(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("written", "instead", "line", "says"),
    [
        ("incident: CR1", "incident: CR1, graed: high", 6, "graed"),
        ("incident: CR1", "incident: CR1, graded: severe", 6, "'standard', 'medium' or 'high'"),
        ("incident: CR1", "incedent: CR1", 6, "say what happened"),
        ("rule: high_risk, ", "", 8, "Field required"),
        ("    law: none\n", "", 3, "law"),
    ],
)
def test_a_word_that_is_not_known_is_refused_with_its_line_and_situation(
    tmp_path: Path, written: str, instead: str, line: int, says: str
) -> None:
    said = refused(tmp_path, WHOLE.replace(written, instead))
    assert said.startswith(f'case.yaml:{line}: in "A case for tests": ')
    assert says in said


def test_text_that_is_no_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, WHOLE.replace("told:", "told: [")).startswith("case.yaml:")


def test_what_is_missing_and_what_is_too_much_are_said_by_rule_and_agency(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(WHOLE.replace("marac-larkmead", "marac-downland"), encoding="utf-8")
    (written,) = read(path)
    assert differences(written.situation, play(written.situation)) == [
        "Monday 2 March 2026 at 12:00: expected, and not told: high_risk to marac-downland (live)",
        "Monday 2 March 2026 at 12:00: told, and not expected: high_risk to marac-larkmead, about CR1/party/1",
    ]


def test_a_time_that_differs_is_said_as_people_write_it(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(WHOLE.replace("dait-54]", "dait-54], by: Monday 2 March 2026 at 12:20"), encoding="utf-8")
    (written,) = read(path)
    said = differences(written.situation, play(written.situation))
    assert said[0] == (
        "Monday 2 March 2026 at 12:00: high_risk to idva-larkmead: "
        "by: Monday 2 March 2026 at 12:20 was expected, Monday 2 March 2026 at 12:15 is held"
    )


def test_moments_are_londons_and_a_wrong_weekday_is_refused() -> None:
    summer = moment("Wednesday 1 July 2026 at 12:00")
    assert summer == datetime(2026, 7, 1, 11, tzinfo=UTC)
    assert in_words(summer) == "Wednesday 1 July 2026 at 12:00"
    assert in_words(moment("the end of Monday 2 March 2026")) == "the end of Monday 2 March 2026"
    assert in_words(moment("1 day later", moment("Saturday 28 March 2026 at 12:00"))) == "Sunday 29 March 2026 at 12:00"
    assert in_words(moment("24 hours later", moment("Saturday 28 March 2026 at 12:00"))).endswith("at 13:00")
    for wrong in ("Tuesday 2 March 2026 at 12:00", "Monday 2 March 2026", "tomorrow"):
        with pytest.raises(ValueError, match=r"is a Monday|is no moment"):
            moment(wrong)
    with pytest.raises(ValueError, match="later than nothing"):
        moment("3 hours later")
