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
    OTHER_ROUTES_APPLY = "other_routes_apply"
    """It goes another way now, and why is not for those who were told."""
    GROUND_CHANGED = "ground_changed"
    """It had ended already, and what was told then has since proved wrong."""
    ORDER_PROTECTS_HER = "order_protects_her"
    """An order is known to protect her."""
    ORDER_TO_BE_SOUGHT = "order_to_be_sought"
    """The CPS has decided to ask for an order."""
    ORDER_NOT_SOUGHT = "order_not_sought"
    """The CPS has decided, with a coded reason, not to ask for an order."""
    OUTCOME_TAKEN_BACK = "outcome_taken_back"
    """A later hearing took back the outcome on which it rested."""
    LINK_SETTLED = "link_settled"
    """A charge or a person has linked it, or a person has refused to with a coded reason."""
    ATTRIBUTED = "attributed"
    """It is known which order it is, and whom it protects."""
    APPLICATION_DECIDED = "application_decided"
    """The court has decided the application."""
    APPLICATION_WITHDRAWN = "application_withdrawn"
    """The applicant took the application back."""
    PROTECTS_ANOTHER = "protects_another"
    """A person has said that the order protects somebody else."""
    NOT_IN_CUSTODY = "not_in_custody"
    """No prison holds him, as the last hearing of his case left him."""
    WHICH_ORDER_NOT_KNOWN = "which_order_not_known"
    """It is not known, or no longer known, which order was changed."""
    NOT_KNOWN_TO_PROTECT_HER = "not_known_to_protect_her"
    """Nobody has said whom the order protects: the DAIT is asked."""

    # Why somebody was considered and told nothing.
    BEFORE_GO_LIVE = "before_go_live"
    """It opened before the day from which this deployment tells it."""
    MET_BEFORE_TOLD = "met_before_told"
    """What it was for had been done before anybody was told."""
    LAPSED_BEFORE_TOLD = "lapsed_before_told"
    """Its last moment had passed before anybody was told."""
    SUSPECT_IS_POLICE = "suspect_is_police"
    """A suspect is a police officer or staff: only the desk that policy names is told."""
    HONOUR_BASED_ABUSE = "honour_based_abuse"
    """Honour-based abuse, forced marriage or FGM: only the specialist desk is told, and releases the rest."""
    ROLES_UNRESOLVED = "roles_unresolved"
    """Who is victim and who is suspect is not settled; the DAIT supervisor resolves it."""
    VICTIM_UNDER_16 = "victim_under_16"
    """Child protection, not domestic abuse between adults (DA Act 2021 s.1)."""
    SUSPECT_UNDER_16 = "suspect_under_16"
    """The suspect is a child; the victim has support by consent (DA Act 2021 s.1)."""
    NOT_PERSONALLY_CONNECTED = "not_personally_connected"
    """Victim and suspect are stated not to be personally connected (DA Act 2021 s.2)."""
    BELOW_THRESHOLD = "below_threshold"
    """Neither grade, judgement nor ticks reach what this route asks for."""
    SERVED_BY_HIGHER_ROUTE = "served_by_higher_route"
    """A more urgent route already refers her to support."""
    SUPPORT_DECLINED = "support_declined"
    """She declined a referral to support."""
    SUPPORT_NOT_ASKED = "support_not_asked"
    """She was not asked about support; nobody outside the police is told by this route."""
    NOT_SAFE_TO_ASK = "not_safe_to_ask"
    """It was not safe to ask her about support."""
    COUNTED_BEFORE = "counted_before"
    """An earlier incident of the same window reached the count; it is told of there."""
    BELOW_COUNT = "below_count"
    """Fewer incidents in the window than policy asks for."""
    HISTORIC = "historic"
    """Disclosed from the past: a pattern to review, and no escalation."""
    NO_SCHOOL_NAMED = "no_school_named"
    """No school or college is stated for the child."""
    HOME_EDUCATED = "home_educated"
    """The child is educated at home; the local authority's education desk is told instead."""
    NOT_A_CHILD = "not_a_child"
    """Stated among the children, and 18 or older."""
    STATED_TWICE = "stated_twice"
    """The same child of the same incident is told of at another place."""
    NO_INCIDENT = "no_incident"
    """The incident that it belongs to is not known."""
    NOT_DOMESTIC_ABUSE = "not_domestic_abuse"
    """Nothing marks the case as domestic abuse."""
    NO_VERDICT = "no_verdict"
    """The court has not decided the offence yet."""
    NOT_SENTENCED = "not_sentenced"
    """Convicted, and adjourned for sentence: an order can still be made."""
    NOT_FINAL = "not_final"
    """The jury was discharged or the conviction quashed: looked at again when it is final."""
    NO_POWER_UNFIT_DID_ACT = "no_power_unfit_did_act"
    """Unfit to plead and did the act: neither conviction nor acquittal, so no power to make an order."""
    NO_POWER_WITHDRAWN = "no_power_withdrawn"
    """The charge was withdrawn: no power to make an order."""
    NO_POWER_DISCONTINUED = "no_power_discontinued"
    """The case was discontinued: no power to make an order."""
    NO_POWER_LIES_ON_FILE = "no_power_lies_on_file"
    """The charge lies on the file: no power to make an order."""
    NOT_AN_OFFENCE = "not_an_offence"
    """The code stands among offences and is none: nobody is ever convicted of it."""


# Kept with the look, and never said to those who were told before: each would tell of a conflict, of a person's age or
# of what she said. They hear that a ground fell, or that other routes apply.
UNSPOKEN = frozenset(
    {
        Reason.SUSPECT_IS_POLICE,
        Reason.HONOUR_BASED_ABUSE,
        Reason.ROLES_UNRESOLVED,
        Reason.VICTIM_UNDER_16,
        Reason.SUSPECT_UNDER_16,
        Reason.NOT_PERSONALLY_CONNECTED,
        Reason.SUPPORT_DECLINED,
        Reason.SUPPORT_NOT_ASKED,
        Reason.NOT_SAFE_TO_ASK,
    }
)
