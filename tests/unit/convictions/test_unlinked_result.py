"""A result that leads to nobody: the duty desk hears where the case is marked as domestic abuse, else nobody does."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.court_convictions.v1 import HearingResulted
from services.convictions.rules import unlinked_result
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.linking.links import files_of
from tests.support import builders as b
from tests.unit.incidents import seen

HOME = f"unlinked:urn:{b.URN}"
MARKED = b.offence(results=(b.result(qualifiers=("LG",)),))


def unlinked_file(*facts: Fact) -> CaseFile:
    return files_of(facts)[HOME]


def marked(**over: Any) -> HearingResulted:
    return b.hearing(MARKED, **over)


def test_a_marked_result_is_told_to_the_duty_desk_by_references_alone() -> None:
    result = b.fact(marked())
    duties = seen.owed(unlinked_result, unlinked_file(result))
    assert set(duties) == {"dait-54"}
    duty = duties["dait-54"]
    assert duty.key.subject == f"uk.court.hearing-resulted:{result.subject}"
    assert {item.data_class.value for item in duty.matter} == {"R"}
    assert seen.matter(duty)["event"] == "hearing_resulted"


def test_it_rests_on_absence_so_that_nobody_is_told_before_all_streams_are_read_so_far() -> None:
    result = b.fact(marked())
    (duty,) = seen.owed(unlinked_result, unlinked_file(result)).values()
    assert (duty.settles, duty.opens) == (True, result.at + timedelta(minutes=5))


@pytest.mark.parametrize(
    "result",
    [
        b.hearing(da_finding_s56a="stated"),
        b.hearing(case_markers=("DV",)),
        b.hearing(b.offence(code="SC15004")),
    ],
)
def test_each_marker_is_enough(result: HearingResulted) -> None:
    assert seen.owed(unlinked_result, unlinked_file(b.fact(result)))


def test_without_a_marker_nobody_is_told() -> None:
    assert seen.reasons(unlinked_result, unlinked_file(b.fact(b.hearing()))) == {Reason.NOT_DOMESTIC_ABUSE}


def test_a_charge_that_links_it_settles_it() -> None:
    facts = [b.fact(body) for body in (marked(), b.incident(), b.charge())]
    duty = seen.owed(unlinked_result, unlinked_file(*facts))["dait-54"]
    assert duty.ended is Reason.LINK_SETTLED
    assert facts[2].id in duty.met_by


def test_a_refusal_to_link_settles_it() -> None:
    refused = b.fact(b.link_refused())
    duty = seen.owed(unlinked_result, unlinked_file(b.fact(marked()), refused))["dait-54"]
    assert (duty.ended, refused.id in duty.met_by) == (Reason.LINK_SETTLED, True)


def test_a_force_that_is_not_known_leaves_it_to_the_default_desk() -> None:
    refs = b.references(urn="98AB0012326", asn="2698AB0100000000001A")
    result = b.fact(marked(references=refs, force_code=None))
    (duty,) = seen.owed(unlinked_result, files_of([result])["unlinked:urn:98AB0012326"]).values()
    assert duty.why.by_default
