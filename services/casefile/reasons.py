"""Why something ended, was withheld or was refused: one closed list for notices, looks, refusals and metrics."""

from enum import StrEnum


class Reason(StrEnum):
    """One word each; the same word is the log field, the dead letter's header and the metric's label."""

    # Why a duty ended.
    MET = "met"
    """A fact of protection, or a person's coded decision, did what the duty was for."""
    LAPSED = "lapsed"
    """The last moment at which it could be acted on has passed."""
    DECLINED = "declined"
    """This agency does not take it on; the next able one is asked."""
    ANSWERED = "answered"
    """A person has answered; those who were told of the silence hear so."""
    SUPERSEDED = "superseded"
    """Another agency of the same kind has it now."""
    AGENCY_NOT_IN_FORCE = "agency_not_in_force"
    """The agency has ended, or has not begun."""
    GROUND_FELL = "ground_fell"
    """A fact that it was told for no longer stands."""
    GROUND_CHANGED = "ground_changed"
    """It had ended already, and what was told then has since proved wrong."""

    # Why somebody was considered and told nothing.
    BEFORE_GO_LIVE = "before_go_live"
    """It opened before the day from which this deployment tells it."""
    MET_BEFORE_TOLD = "met_before_told"
    """What it was for had been done before anybody was told."""
    LAPSED_BEFORE_TOLD = "lapsed_before_told"
    """Its last moment had passed before anybody was told."""
