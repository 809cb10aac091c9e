"""What marks a court case as domestic abuse; without a marker nobody is told of a result."""

from schemas.court_convictions.v1 import HearingResulted
from services.platform.policy.policy import Policy

DOMESTIC_VIOLENCE_QUALIFIER = "LG"  # CJS result qualifier
CASE_MARKERS = frozenset({"DA", "DV"})


def markers(body: HearingResulted, policy: Policy, *, linked_incident: bool) -> tuple[str, ...]:
    """Each marker of a hearing, in a fixed order; empty when there is none.

    To be linked through a charge to a domestic abuse incident is one: a common assault says nothing by its code.
    """
    qualifiers = {q for offence in body.offences for result in offence.results for q in result.qualifiers}
    found = {
        "linked_incident": linked_incident,
        "qualifier": DOMESTIC_VIOLENCE_QUALIFIER in qualifiers,
        "case_marker": bool(CASE_MARKERS.intersection(body.case_markers)),
        "stated_in_court": body.da_finding_s56a == "stated",  # Sentencing Code s.56A
        "offence": any(policy.da_offence(offence.code) for offence in body.offences),
    }
    return tuple(name for name, is_so in found.items() if is_so)
