"""Custody as a protective measure: from the hearing that left him in custody until one of his case that did not."""

from collections.abc import Iterator
from itertools import zip_longest

from schemas.court_convictions.v1 import Remand
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.linking.same_man import Men
from services.platform.domain.protection import hearings
from services.platform.domain.protection.hearings import HearingMeasure
from services.platform.domain.protection.measures import Kind


def custody(file: CaseFile) -> Iterator[HearingMeasure]:
    """Each hearing that left him in custody, until the next hearing of his case."""
    men = file.once(Men)
    for his in file.once(hearings.of_each_man):
        for (fact, body), later in zip_longest(his.heard, his.heard[1:]):
            if body.custody is True or body.remand is Remand.CUSTODY:
                held = HearingMeasure(Kind.CUSTODY, fact, body, men.of(fact))
                yield held if later is None else held.ended(later)
