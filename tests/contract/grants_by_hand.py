"""Who may see what, read a second time: written by hand from the law of sharing, and from no file of policy.

It says three things: the class of every field of every incoming schema, of every item of a notification and of every
reason that a notification gives; what each kind of agency may see of each class, in which forms and about whom; and
what must never leave, whatever the classes say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Shown = Literal["full", "state", "title", "grade", "summary", "relationship", "name", "zone"]
# Ordered from narrow to wide. `pupil`: a child at a school of this agency, or one that this agency serves alone.
Whose = Literal["pupil", "subject", "case", "any"]
IDENTITY = "identity"  # of a party: P, or S where the party is a suspect
WIDTH: Mapping[str, int] = {"pupil": 0, "subject": 1, "case": 2, "any": 3}


@dataclass(frozen=True, slots=True)
class Sees:
    """Of one class: these forms alone (`full` is every form), about these persons alone."""

    forms: frozenset[str]
    whose: Whose


def sees(whose: Whose, *forms: Shown) -> Sees:
    return Sees(frozenset(forms or ("full",)), whose)


EVERYONE = {"R": sees("any"), "T": sees("any")}
# Everything of police or court origin, and of what others hold of safe contact only whether it is safe.
POLICE = EVERYONE | {name: sees("any") for name in ("O", "D", "K", "P", "S", "C", "L", "N", "H", "Cr", "Ip")}
WITH_STATE = POLICE | {"X": sees("any", "state")}

SEES: Mapping[str, Mapping[str, Sees]] = {
    "dait": WITH_STATE,
    "dait_supervisor": WITH_STATE,
    "duty_inspector": WITH_STATE,
    "specialist_desk": WITH_STATE,
    "child_abuse_unit": WITH_STATE,
    "psd": POLICE,
    "out_of_force_desk": POLICE,
    "encompass_desk": EVERYONE | {"C": sees("subject")},
    "wcu": EVERYONE
    | {
        "O": sees("case"),
        "D": sees("case"),
        "P": sees("subject"),
        "S": sees("case"),
        "K": sees("subject", "grade"),
        "X": sees("subject", "state"),
    },
    "force_legal": EVERYONE
    | {
        "O": sees("case"),
        "D": sees("case"),
        "S": sees("case"),
        "P": sees("subject"),
        "K": sees("subject", "grade"),
    },
    "firearms_licensing": EVERYONE | {"S": sees("case")},
    "dpo": EVERYONE,
    "cps": EVERYONE
    | {
        "O": sees("case"),
        "D": sees("case"),
        "S": sees("case"),
        "P": sees("subject", "name"),
        "K": sees("subject", "grade"),
        "Cr": sees("case"),  # facts of the court's record, as that both have one firm
    },
    "probation": EVERYONE | {"O": sees("case"), "D": sees("case"), "S": sees("case"), "K": sees("subject", "grade")},
    "vlo": EVERYONE | {"D": sees("case"), "S": sees("case"), "P": sees("subject")},
    "prison": EVERYONE | {"D": sees("case"), "S": sees("case"), "P": sees("subject", "name")},
    "youth_justice": EVERYONE | {"S": sees("case")},
    "idva": EVERYONE
    | {
        "O": sees("case"),
        "D": sees("case"),
        "K": sees("subject"),
        "P": sees("subject"),
        "S": sees("case"),
        "C": sees("case"),
        "L": sees("subject", "zone"),
        "N": sees("subject", "summary"),
        "X": sees("subject", "state"),
        "Cr": sees("case"),
        "Ip": sees("subject"),
        "Ii": sees("subject"),
    },
    "victim_service": EVERYONE
    | {
        "O": sees("case", "title"),
        "K": sees("subject", "grade"),
        "P": sees("subject"),
        "S": sees("case", "relationship"),
        "X": sees("subject", "state"),
    },
    "marac": EVERYONE
    | {
        "O": sees("case"),
        "D": sees("case"),
        "K": sees("subject"),
        "P": sees("subject"),
        "S": sees("case"),
        "C": sees("case"),
        "X": sees("subject", "state"),
    },
    "refuge": EVERYONE
    | {
        "D": sees("case", "state"),
        "K": sees("subject"),
        "P": sees("subject", "name"),
        "S": sees("case", "name"),
    },
    "adult_social_care": EVERYONE
    | {"K": sees("subject"), "P": sees("subject"), "S": sees("case"), "N": sees("subject", "summary")},
    # Of an order: its state and the terms about the child.
    "mash": EVERYONE
    | {
        "C": sees("subject"),
        "K": sees("case"),
        "P": sees("case"),
        "S": sees("case"),
        "D": sees("pupil"),
        "N": sees("subject", "summary"),
    },
    "named_social_care": EVERYONE
    | {
        "C": sees("subject"),
        "K": sees("case"),
        "P": sees("case"),
        "S": sees("case"),
        "N": sees("subject", "summary"),
    },
    "dsl": EVERYONE | {"C": sees("pupil"), "D": sees("pupil"), "N": sees("subject", "summary")},
    "la_education": EVERYONE | {"C": sees("pupil"), "D": sees("pupil"), "N": sees("subject", "summary")},
    "health_visitor": EVERYONE | {"C": sees("subject"), "K": sees("case", "grade")},
    "midwife": EVERYONE | {"P": sees("subject"), "K": sees("subject", "grade")},
    "lado": EVERYONE | {"S": sees("case")},
    "pipot": EVERYONE | {"S": sees("case")},
    "dardr_lead": EVERYONE | {"P": sees("subject"), "S": sees("case")},
}

OUTSIDE = frozenset(SEES) - {
    *("dait", "dait_supervisor", "duty_inspector", "specialist_desk", "child_abuse_unit", "psd", "out_of_force_desk"),
    *("encompass_desk", "wcu", "force_legal", "firearms_licensing", "dpo", "cps"),
}
CONTACTS_NOBODY = frozenset({"dsl"})
CONFLICT_DESKS = frozenset({"psd", "out_of_force_desk"})
HONOUR_BASED_ABUSE_DESKS = frozenset({"specialist_desk", "duty_inspector", "named_social_care"})
WHILE_ROLES_ARE_UNRESOLVED = frozenset(
    {
        *("dait_supervisor", "duty_inspector", "idva", "dsl", "la_education", "mash", "child_abuse_unit"),
        *("encompass_desk", "health_visitor"),
    }
)
MAY_KNOW_WHO_ASKS = frozenset({"cps", "idva", "wcu", "dait", "dait_supervisor", "duty_inspector", "specialist_desk"})
# Probation and prisons learn state and dates of one, never who asks (domain 2.6).
TOLD_OF_APPLICATIONS = MAY_KNOW_WHO_ASKS | CONFLICT_DESKS | {"probation", "prison"}
NEVER_ROUTED = frozenset({"refuge"})
NO_SUCH_KIND = ("court", "immigration", "home_office", "ukvi", "defence", "solicitor", "victim", "parent")

# What never leaves towards these kinds, by name of the item, whatever its class; `*`: towards nobody.
NEVER_SHOWN: Mapping[str, frozenset[str]] = {
    "*": frozenset(
        {
            *(
                "residence.force",
                "residence.la_code",
                "parties.lives_with",
                "children.school_urns",
                "parties.school_urns",
            ),
            *(
                "parties.record",
                "record.id",
                "record.system",
                "defendant.pnc_id",
                "defendant.cro_number",
                "parties.is_police",
            ),
        }
    ),
    "dsl": frozenset({"parties.name", "parties.role", "risk.grade", "verdict", "offences.code", "applicant_role"}),
    "la_education": frozenset({"parties.name", "parties.role", "risk.grade", "verdict", "applicant_role"}),
    "probation": frozenset({"applicant_role", "parties.name", "children.name"}),
    "prison": frozenset({"applicant_role", "risk.grade"}),
    "vlo": frozenset({"applicant_role", "risk.grade"}),
    "cps": frozenset({"prohibitions.zone", "prohibitions.text"}),
    "wcu": frozenset({"same_firm_as_defendant", "represented", "prohibitions.zone", "prohibitions.text"}),
}

ALL_NOTIFICATIONS = "Not for emergencies. If someone is in danger now, 999."
SAFE_CONTACT = "Do not contact by phone, letter or email unless safe contact is confirmed"
RESTRICTED_FILE = (
    "Do not contact either parent about this notification. Keep in the restricted child-protection file, outside the "
    "pupil record; refer any access request to the sender before answering (DPA 2018 Sch 3)."
)
ADAPTED_FOR = frozenset({"mash", "named_social_care", "la_education", "health_visitor"})
ADAPTED_FILE = ("Do not contact either parent", "restricted", "refer any access request to the sender")
INDICATORS = "These are reasons to speak to her alone. They are not evidence about her."
NOT_TO_HIM = "Do not raise with him."
OF_A_CHANGE = frozenset({"order_varied", "order_discharged", "order_changed_not_stated"})
# What somebody says has happened is never told as a fact, nor what a professional judges (DPA 2018 s.38).
NEVER_A_RECORDED_FACT = {
    **dict.fromkeys(("abuse_types", "location_type", "injury_level", "circumstances", "occurred_from"), "alleged"),
    **dict.fromkeys(("markers.strangulation", "markers.weapon", "markers.threat_to_kill"), "alleged"),
    **dict.fromkeys(("markers.stalking", "markers.sexual_violence", "markers.suicide_threat"), "alleged"),
    **dict.fromkeys(("children.present", "children.heard_or_saw", "children.injured"), "alleged"),
    **dict.fromkeys(("children.intervened", "children.target", "children.unsafe_adult"), "alleged"),
    **dict.fromkeys(("risk.grade", "risk.ticks", "risk.professional_judgement_high"), "assessed"),
}

# Every field of an incoming fact that is personal, by its own model: class and form. What is not here is a reference
# or a time, or holds others.
FIELDS: Mapping[str, tuple[str, Shown]] = {
    "Party.role": (IDENTITY, "full"),
    "Party.name": (IDENTITY, "name"),
    "Party.date_of_birth": (IDENTITY, "full"),
    "Party.age": (IDENTITY, "full"),
    "Party.position_of_trust": (IDENTITY, "full"),
    "Party.is_police": (IDENTITY, "full"),
    "Party.lives_with": ("L", "full"),
    "Party.care_and_support_needs": ("H", "full"),
    "Party.language": ("H", "full"),
    "Party.interpreter_needed": ("H", "full"),
    "Party.school_urns": ("C", "full"),
    "Connection.relationship": (IDENTITY, "relationship"),
    "Connection.current": (IDENTITY, "relationship"),
    "Residence.force": ("L", "full"),
    "Residence.la_code": ("L", "full"),
    "IncidentReported.abuse_types": ("N", "summary"),
    "IncidentReported.location_type": ("N", "summary"),
    "IncidentReported.location": ("L", "full"),
    "IncidentReported.injury_level": ("N", "summary"),
    "IncidentReported.circumstances": ("N", "full"),
    "IncidentReported.firearms_certificate": (IDENTITY, "full"),
    "IncidentReported.counter_allegation": ("N", "summary"),
    "IncidentReported.primary_perpetrator": ("N", "summary"),
    "IncidentReported.support_referral": ("N", "summary"),
    "IncidentReported.safe_contact": ("X", "state"),
    "IncidentReported.safe_contact_recorded_on": ("X", "state"),
    "Markers.strangulation": ("K", "full"),
    "Markers.weapon": ("K", "full"),
    "Markers.threat_to_kill": ("K", "full"),
    "Markers.stalking": ("K", "full"),
    "Markers.separation": ("K", "full"),
    "Markers.sexual_violence": ("H", "full"),
    "Markers.suicide_threat": ("H", "full"),
    "Markers.pregnant": ("H", "full"),
    "Risk.tool": ("K", "full"),
    "Risk.tool_version": ("K", "full"),
    "Risk.grade": ("K", "grade"),
    "Risk.professional_judgement_high": ("K", "full"),
    "Risk.tick_count": ("K", "full"),
    "Risk.override_reason": ("K", "full"),
    "Answer.question": ("K", "full"),
    "Answer.answer": ("K", "full"),
    "RiskAssessed.lower_because": ("K", "full"),
    "Child.name": ("C", "full"),
    "Child.date_of_birth": ("C", "full"),
    "Child.unborn": ("C", "full"),
    "Child.relation_to_victim": ("C", "full"),
    "Child.present": ("C", "full"),
    "Child.heard_or_saw": ("C", "full"),
    "Child.injured": ("C", "full"),
    "Child.intervened": ("C", "full"),
    "Child.target": ("C", "full"),
    "Child.spoken_alone": ("C", "full"),
    "Child.voice": ("C", "full"),
    "Child.unsafe_adult": ("C", "full"),
    "Child.school_urns": ("C", "full"),
    "Child.under_5_not_in_school": ("C", "full"),
    "Child.home_educated": ("C", "full"),
    "Child.childcare": ("C", "full"),
    "Child.another_school_today": ("C", "full"),
    "SchoolIdentified.school_urns": ("C", "full"),
    "ChargedOffence.code": ("O", "full"),
    "VictimView.view": ("N", "summary"),
    "VictimView.alone": ("N", "summary"),
    "VictimView.how": ("N", "summary"),
    "Defendant.name": ("S", "name"),
    "Defendant.date_of_birth": ("S", "full"),
    "Defendant.pnc_id": ("S", "full"),
    "Defendant.cro_number": ("S", "full"),
    "ResultedOffence.code": ("O", "full"),
    "ResultedOffence.title": ("O", "title"),
    "ResultedOffence.verdict": ("O", "full"),
    "ResultedOffence.verdict_code": ("O", "full"),
    "ResultedOffence.final": ("O", "full"),
    "Result.cjs_result_code": ("O", "full"),
    "Result.label": ("O", "full"),
    "Result.qualifiers": ("O", "full"),
    "Result.text": ("L", "full"),
    "Prompt.label": ("O", "full"),
    "Prompt.value": ("L", "full"),
    "HearingResulted.da_finding_s56a": ("O", "full"),
    "HearingResulted.case_markers": ("O", "full"),
    "HearingResulted.custody": ("O", "full"),
    "HearingResulted.time_served": ("O", "full"),
    "HearingResulted.remand": ("O", "full"),
    "BailCondition.code": ("D", "full"),
    "BailCondition.text": ("L", "full"),
    "BailCondition.zone": ("L", "zone"),
    "Order.action": ("D", "state"),
    "Order.code": ("D", "state"),
    "Order.legal_basis": ("D", "full"),
    "Order.until_further_order": ("D", "state"),
    "Order.length_unclear": ("D", "state"),
    "Order.child_contact_exception": ("D", "full"),
    "Order.cause": ("D", "state"),
    "Order.place_term_added": ("D", "full"),
    "Prohibition.code": ("D", "full"),
    "Prohibition.text": ("L", "full"),
    "Prohibition.zone": ("L", "zone"),
    "ApplicationLodged.action": ("D", "state"),
    "ApplicationLodged.applicant_role": ("D", "state"),
    "ApplicationLodged.represented": ("Cr", "full"),
    "ApplicationLodged.same_firm_as_defendant": ("Cr", "full"),
    "ApplicationLodged.grounds_coded": ("D", "full"),
    "ApplicationLodged.place_term_proposed": ("D", "full"),
    "ApplicationLodged.offence_code": ("O", "full"),
    "ApplicationDecided.outcome": ("D", "state"),
    "ApplicationDecided.reasons_code": ("D", "full"),
}

# Every item of a notification by its name there: class and form.
ITEMS: Mapping[str, tuple[str, Shown]] = {
    "unanswered.school": ("C", "full"),
    **dict.fromkeys(
        (
            *("sender.force", "sender.court", "sender.agency"),
            *("crime_reference", "incident_log", "hearing", "application", "order", "event", "which_order"),
            *("considered_and", "outcome_of_her_views", "position_of_the_police"),
            *("references.urn", "references.asn", "references.defendant_id", "references.court_case"),
            *("references.court_ou", "references.order", "references.application", "offences.sequence"),
            *("order_whose_protection_is_not_confirmed", "say_whom_it_protects", "notification", "answered"),
            "replaced_by",
            *(
                "unanswered.accept",
                "unanswered.acknowledge",
                "unanswered.decide",
                "held_because",
                "roles",
                "doubtful_date_of_birth",
                "doubtful_age",
                "count.crime_references",
            ),
        ),
        ("R", "full"),
    ),
    **dict.fromkeys(
        (
            *(
                "reported_at",
                "occurred_from",
                "occurred_to",
                "historic",
                "court_ou",
                "court_type",
                "hearing_on",
                "mode",
            ),
            *("risk_assessed_at", "children_linked_at"),
            *("decided_on", "lodged_at", "served_on_prosecutor_at", "representations_due_at", "hearing_at"),
            *(
                "offences.verdict_date",
                "offences.sentenced_on",
                "orders.made_on",
                "orders.expires_on",
                "could_be_decided",
            ),
            *("last_day", "last_sitting_before", "not_allowed_before_unless_time_is_shortened", "still_binding.until"),
        ),
        ("T", "full"),
    ),
    **dict.fromkeys(("abuse_types", "location_type", "injury_level", "support_referral"), ("N", "summary")),
    **dict.fromkeys(("victim_views_on_order.view", "view.is"), ("N", "summary")),
    **dict.fromkeys(("markers.strangulation", "markers.weapon", "markers.threat_to_kill"), ("K", "full")),
    **dict.fromkeys(("markers.stalking", "markers.separation", "referred_for"), ("K", "full")),
    **dict.fromkeys(("risk.ticks", "risk.possible_ticks", "risk.routed_by", "risk.tool"), ("K", "full")),
    **dict.fromkeys(("risk.professional_judgement_high", "risk.override_reason"), ("K", "full")),
    **dict.fromkeys(("count.incidents", "count.months"), ("K", "full")),
    "risk.grade": ("K", "grade"),
    **dict.fromkeys(("markers.pregnant", "markers.sexual_violence", "markers.suicide_threat"), ("H", "full")),
    **dict.fromkeys(("parties.language", "parties.interpreter_needed"), ("H", "full")),
    **dict.fromkeys(("safe_contact", "safe_contact_recorded_on", "safe_contact_stale_from"), ("X", "state")),
    **dict.fromkeys(("parties.role", "parties.date_of_birth", "parties.age"), (IDENTITY, "full")),
    "parties.name": (IDENTITY, "name"),
    **dict.fromkeys(("relationships.relationship", "relationships.current"), (IDENTITY, "relationship")),
    **dict.fromkeys(("children.name", "children.date_of_birth", "children.unborn"), ("C", "full")),
    **dict.fromkeys(("children.relation_to_victim", "children.present", "children.heard_or_saw"), ("C", "full")),
    **dict.fromkeys(("children.injured", "children.intervened", "children.target"), ("C", "full")),
    **dict.fromkeys(("children.spoken_alone", "children.voice", "children.unsafe_adult", "schools"), ("C", "full")),
    # A victim of 16 or 17, as her own college knows its pupil.
    **dict.fromkeys(("pupil.name", "pupil.date_of_birth", "pupil.unsafe_person"), ("C", "full")),
    **dict.fromkeys(("children.childcare", "children.another_school_today"), ("C", "full")),
    "defendant.name": ("S", "name"),
    "defendant.date_of_birth": ("S", "full"),
    **dict.fromkeys(
        (
            "offences.code",
            "verdict",
            "ground_fell_by",
            "remand",
            "charged_as",
            "marked_as_domestic_abuse_by",
            "offence_code",
        ),
        ("O", "full"),
    ),
    "offences.title": ("O", "title"),
    **dict.fromkeys(("action", "applicant_role", "asked_to", "outcome", "order_is_now", "order_code"), ("D", "state")),
    **dict.fromkeys(("orders.action", "orders.code", "orders.until_further_order", "orders.cause"), ("D", "state")),
    "orders.length_unclear": ("D", "state"),
    **dict.fromkeys(("still_binding", "another_order_was_made_is_she_covered", "bail_conditions"), ("D", "state")),
    **dict.fromkeys(("orders.legal_basis", "orders.place_term_added", "orders.child_contact_exception"), ("D", "full")),
    **dict.fromkeys(("prohibitions.code", "grounds_coded", "place_term_proposed", "reasons_code"), ("D", "full")),
    "prohibitions.text": ("L", "full"),
    # That the words of an order are kept back says that it protects somebody else as well.
    **dict.fromkeys(("prohibitions.zone", "terms.text"), ("L", "zone")),
    **dict.fromkeys(("represented", "same_firm_as_defendant"), ("Cr", "full")),
    **dict.fromkeys(
        (
            *("points_the_other_way", "indicator.course_of_the_case.repeat_application"),
            *("indicator.representation.same_firm_as_defendant", "indicator.abuse.incident_in_last_6_months"),
            "indicator.timing.soon_after_the_order",
        ),
        ("Ip", "full"),
    ),
}

# What a notification's own reason tells: class and form; those that are left out tell nothing of anybody.
REASONS: Mapping[str, tuple[str, Shown]] = {
    "victim_under_16": ("P", "full"),
    "suspect_under_16": ("S", "full"),
    "not_personally_connected": ("S", "relationship"),
    "support_declined": ("N", "summary"),
    "support_not_asked": ("N", "summary"),
    "not_safe_to_ask": ("N", "summary"),
    "below_threshold": ("K", "grade"),
    "served_by_higher_route": ("K", "grade"),
    "below_count": ("K", "full"),
    **dict.fromkeys(
        ("not_a_child", "not_under_five", "under_five_not_in_school", "at_school", "not_born"), ("C", "full")
    ),
    "home_educated": ("C", "full"),
    "lives_in_this_force": ("L", "full"),
    "no_school_named": ("C", "full"),
    "convicted_before_the_incident": ("O", "full"),
    "offence_not_confirmed": ("O", "full"),
    "no_verdict": ("O", "full"),
    "not_sentenced": ("O", "full"),
    "not_final": ("O", "full"),
    "no_power_unfit_did_act": ("O", "full"),
    "no_power_withdrawn": ("O", "full"),
    "no_power_discontinued": ("O", "full"),
    "no_power_lies_on_file": ("O", "full"),
    "outcome_taken_back": ("O", "full"),
    "order_protects_her": ("D", "state"),
    **dict.fromkeys(("order_was_made", "order_discharged", "order_replaced", "order_expired"), ("D", "state")),
    **dict.fromkeys(("order_changed_not_stated", "discharge_not_arrived", "order_may_not_stand"), ("D", "state")),
    **dict.fromkeys(("order_stands", "order_has_ended"), ("D", "state")),
    "defendant_died": ("S", "full"),
    "order_to_be_sought": ("D", "state"),
    "order_not_sought": ("D", "state"),
}
# That there is a conflict, honour-based abuse or a counter-allegation is never said to those whom it takes off a route.
UNSPOKEN = frozenset({"suspect_is_police", "honour_based_abuse", "roles_unresolved"})
