"""The words in which an agency's worker is spoken to: for rules, asks, answers, reasons and all that is shown."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import JsonValue

from schemas.codes.courts import court
from schemas.codes.offences import title
from schemas.field_errors import models_in
from schemas.places import NONE, ChildPlace, PartyPlace, read_hearing, read_order
from schemas.registry import REGISTRY
from services.ops.all_rules import ALL_RULES
from services.ops.terminal import moment
from services.platform.policy.policy import PolicySet

W = TypeVar("W")
PARTY_NUMBERS = frozenset({"suicide_threat", "to_party", "lives_with", "party"})

RULES: Mapping[str, str] = {rule.name: rule.title for rule in ALL_RULES}

KINDS: Mapping[str, str] = {
    "notify": "New",
    "update": "Changed",
    "remind": "Reminder",
    "close": "Closed",
    "correct": "Taken back",
}

WHAT_KINDS_MEAN: Mapping[str, str] = {
    "notify": "",
    "update": "This replaces what you were told before.",
    "remind": "You have not answered yet. Nothing else is new.",
    "close": "Nothing more is asked of you here. What is below is what you were told before.",
    "correct": "What you were told before is wrong or no longer true. Do not act on it.",
}
PARTS: Mapping[str, str] = {
    "asks": "what is asked of you",
    "texts": "what is to be heeded",
    "urgency": "how urgent it is",
}
# Where it had ended already, and only a part of it was wrong.
PARTLY_WRONG = "Corrected"
WHAT_PARTLY_WRONG_MEANS = "Part of what you were told before is wrong. What is still right is below."
DESKS: Mapping[str, str] = {
    "duty": "duty desk",
    "manager": "manager",
    "strategic": "strategic contact",
    "holiday": "holiday contact",
}

ASKS: Mapping[str, str] = {
    "acknowledge": "read this, and say that you have read it",
    "accept": "say whether you take this on",
    "decide": "decide, and say what you have decided",
    "act": "act on this now, and say what you have done",
}

DECISIONS: Mapping[str, str] = {
    "order_to_be_sought": "the court will be asked for an order",
    "order_not_sought": "no order will be asked for",
    "risk_grade_confirmed": "the grade stays as it is recorded",
    "risk_grade_raised": "the grade is raised",
    "roles_resolved": "it is settled who is the victim and who is the suspect",
    "service_found": "a service has been found",
    "safety_plan_made": "a safety plan has been made",
    "safe_address_reviewed": "her safe address has been reviewed",
    "application_supported": "the application is supported",
    "application_neutral": "the application is neither supported nor opposed",
    "victim_informed": "she has been told",
    "victim_not_informed": "she could not be told",
    "her_views_obtained": "her views were obtained",
    "her_views_declined": "she does not wish to say",
    "not_safely_reachable": "she cannot be reached safely",
    "application_opposed": "the application is opposed",
    "time_requested": "the court is asked for more time",
    "marac_referral_made": "she is referred to MARAC",
    "social_care_assessment": "an assessment by social care",
    "section_47_enquiry": "a section 47 enquiry",
    "no_further_action": "no further action is needed",
    "welfare_check_made": "they have been seen or spoken to",
    "answer_obtained": "a named person there has taken it on",
    "school_reached": "a named person at the school knows",
    "child_seen_to": "somebody else who is responsible for the child knows",
    "school_kept_back": "the school is not told, for a recorded reason",
    "prosecutor_named": "a named prosecutor has it",
}

ANSWERS: Mapping[str, str] = {
    "acknowledged": "has read it",
    "accepted": "has taken it on",
    "declined": "has declined",
    "decided": "has decided",
    "out_of_area": "out of its area",
    "no_capacity": "no capacity",
    "not_eligible": "not eligible for the service",
    "cannot_act": "cannot act",
    "already_done": "already done",
    "not_ours": "not theirs",
    **DECISIONS,
}

# What a person at each escalation step must do, by ask. {who}: who was asked.
ACTIONS: Mapping[str, Mapping[str, str]] = {
    "unanswered_manager": {
        "acknowledge": "Nobody at your desk has read this. Read it now, and see that somebody acts on it.",
        "accept": "Nobody at your desk has said whether you take this on. Decide now, and answer.",
        "decide": "Nobody at your desk has decided this. See that it is decided in time, and answer.",
    },
    "unanswered_strategic": {
        "acknowledge": "Your desk and its manager have not read this. Name somebody now to read it and act on it.",
        "accept": "Your desk and its manager have not said whether you take this on. Decide now, and answer.",
        "decide": "Your desk and its manager have not decided this. Name somebody now to decide it, and answer.",
    },
    "unanswered_duty_inspector": {
        "acknowledge": "Ring now: {who}. Make sure that somebody there reads this and acts on it. Then answer here.",
        "accept": "Ring now: {who}. Say who takes this person on, and who sees to them until then. Then answer here.",
        "decide": "Ring now: {who}. Get the decision, or decide yourself what must be done now. Then answer here.",
    },
    "unanswered_last_step": {
        "acknowledge": "Nobody has read this at: {who}. Reach a named person there now. Then answer here.",
        "accept": "Nobody has taken this on at: {who}. Have a named person take it on now. Then answer here.",
        "decide": "Nobody has decided this at: {who}. Have it decided now, or decide it yourself. Then answer here.",
    },
}

BASES: Mapping[str, str] = {
    "recorded": "recorded",
    "alleged": "alleged",
    "assessed": "assessed",
    "court_found": "found by a court",
}

REASONS: Mapping[str, str] = {
    "met": "What was needed has been done.",
    "lapsed": "It is too late to act: the last day for it has passed.",
    "no_longer_asked": "The time for this request has passed. Nothing more is asked of you.",
    "declined": "You have declined. The next service that can act is asked.",
    "answered": "A person has answered.",
    "superseded": "Another agency has it now.",
    "agency_not_in_force": "This agency no longer serves here.",
    "other_routes_apply": "This is now dealt with in another way.",
    "ground_fell": "A record that this relied on was corrected or withdrawn.",
    "another_person": "What you were told here before was about another person. It is taken back.",
    "ground_changed": "This had been closed already. A record that it relied on has been corrected since.",
    "order_protects_her": "An order is now known to protect her.",
    "order_was_made": "An order was made that protected her, and it has ended since.",
    "order_to_be_sought": "The CPS will ask the court for an order.",
    "order_not_sought": "The CPS will not ask for an order, for a recorded reason.",
    "outcome_taken_back": "A later hearing has undone this result.",
    "link_settled": "It is now known whom this concerns, or that it concerns nobody here.",
    "attributed": "It is now known whom the order protects.",
    "application_decided": "The court has decided the application.",
    "application_withdrawn": "The application was withdrawn.",
    "order_discharged": "The court discharged the order. It protects nobody any more.",
    "order_replaced": "The court put another order in the place of this one.",
    "order_expired": "The last day of the order has passed. It protects nobody any more.",
    "order_changed_not_stated": "The court varied or discharged the order; its result does not say which. Act as if it "
    "may not protect her.",
    "discharge_not_arrived": "The court granted the discharge of the order; the result that says so has not come. Act "
    "as if the order may not protect her.",
    "order_may_not_stand": "The case behind the order was undone. Find out whether the order still stands. Until then "
    "act as if it did not protect her.",
    "order_stands": "A person or a court has since said that the order stands.",
    "order_has_ended": "The order has ended.",
    "defendant_died": "The court has ended the proceedings because the defendant has died.",
    "before_go_live": "It arose before the day from which such notifications are sent here.",
    "met_before_delivery": "It was done before anybody was told.",
    "lapsed_before_delivery": "Its last moment had passed before anybody was told.",
    "suspect_is_police": "A suspect is police: only the desk named for that is told.",
    "honour_based_abuse": "Honour-based abuse, forced marriage or FGM: only the specialist desk is told.",
    "roles_unresolved": "Who is victim and who is suspect is not settled.",
    "knows_another_party": "This service has answered about another party of the incident: it never hears of both.",
    "victim_under_16": "She is under 16: this is child protection.",
    "suspect_under_16": "The suspect is under 16: this is child protection.",
    "not_personally_connected": "They are not personally connected in law.",
    "below_threshold": "The assessed risk is below the threshold for this.",
    "served_by_higher_route": "A more urgent referral takes its place.",
    "support_declined": "She declined a referral to support.",
    "support_not_asked": "She was not asked about support.",
    "not_safe_to_ask": "It was not safe to ask her about support.",
    "below_count": "There are fewer incidents than this area asks for before it reviews them.",
    "historic": "It happened long ago and was disclosed now: it shows a pattern, not an escalation.",
    "no_school_named": "No school is recorded for the child.",
    "home_educated": "The child is educated at home: the education desk is told.",
    "under_five_not_in_school": "The child is under five and at no school or nursery: the health visitor is told.",
    "not_under_five": "The child is five or older, or nobody has said that it is younger.",
    "at_school": "The child is at a school or nursery.",
    "not_born": "The child is not born yet.",
    "lives_in_this_force": "The child is not known to live in another force's area.",
    "not_a_child": "Listed as a child, but 18 or older.",
    "stated_twice": "The agency is told of the same child in another entry of this incident.",
    "no_incident": "The relay does not know the incident that it belongs to.",
    "not_domestic_abuse": "Nothing marks the case as domestic abuse.",
    "convicted_before_the_incident": "He was convicted before this incident happened: it is another offence.",
    "bail_not_lessened": "This hearing is not known to have taken a condition of his bail away.",
    "offence_not_confirmed": "Whether this is the offence against her is not confirmed: the DAIT is asked.",
    "no_verdict": "The court has not decided the offence yet.",
    "not_sentenced": "Not sentenced yet: an order can still be made.",
    "not_final": "The court's result is not final.",
    "no_power_unfit_did_act": "Unfit to plead and did the act: the court has no power to make an order.",
    "no_power_withdrawn": "The charge was withdrawn: the court has no power to make an order.",
    "no_power_discontinued": "The case was discontinued: the court has no power to make an order.",
    "no_power_lies_on_file": "The charge lies on the file: the court has no power to make an order.",
    "protects_another": "The order is known to protect somebody else.",
    "not_in_custody": "No prison is known to hold him.",
    "court_has_decided": "The court has decided the case.",
    "supervision_not_known": "He is not known to be supervised by probation.",
    "which_order_not_known": "It is not known which order was changed.",
    "not_known_to_protect_her": "The order is not known to protect her.",
    "counted_before": "An earlier review already counts this incident.",
    "not_an_offence": "The code is not that of an offence.",
}

# What fields are called where their declaration says so (the title of the field).
DECLARED: Mapping[str, str] = {
    name: field.title
    for declared in REGISTRY.facts.values()
    for model in models_in(declared.newest)
    for name, field in model.model_fields.items()
    if field.title
}
# By the whole name of an item, else by its last part. What several kinds of fact share has one word for all.
ITEMS: Mapping[str, str] = {
    **DECLARED,
    "abuse_types": "Kinds of abuse",
    "action": "What the court is asked to do",
    "order.action": "What the court did",
    "orders.action": "What the court did",
    "actor": "Who answered",
    "age": "Age",
    "agency": "Agency",
    "alone": "She was alone when she said it",
    "another_order_was_made_is_she_covered": "Another order was made. Does it protect her?",
    "answer": "Answer",
    "answered": "You answered",
    "applicant_role": "Who applied",
    "application": "Application",
    "asked_to": "What the court was asked to do",
    "asn": "ASN",
    "assessor": "Assessed by",
    "at": "When",
    "attribution": "How it is known whom it protects",
    "by_role": "Said to",
    "care_and_support_needs": "Care and support needs",
    "case_markers": "Markers of the case",
    "charged_as": "Charged against her: number and code",
    "cause": "Made because of",
    "child_contact_exception": "Exception for contact with a child",
    "children_linked_at": "Children were recorded",
    "circumstances": "What happened",
    "cjs_result_code": "Result code",
    "code": "Code",
    "order.code": "Kind of order",
    "orders.code": "Kind of order",
    "offences.code": "Offence, by its code",
    "prohibitions.code": "What is forbidden",
    "prohibitions.text": "The order says",
    "prohibitions.zone": "Place or zone that he must keep away from",
    "correction_reason": "Corrected because",
    "could_be_decided": "The court could decide it",
    "count.crime_references": "The incidents counted",
    "count.incidents": "Number of incidents",
    "count.months": "Counted over (months)",
    "counter_allegation": "Each accuses the other",
    "court_case": "Court case",
    "bail_conditions": "Conditions of his bail",
    "court_ou": "Court",
    "court_type": "Kind of court",
    "crime_reference": "Crime reference",
    "current": "Relationship is current",
    "custody": "In custody",
    "da_finding_s56a": "Domestic abuse stated in court",
    "dait_unit": "DAIT unit",
    "date_of_birth": "Born",
    "decided_on": "Decided on",
    "decision": "Decision",
    "defendant_id": "Defendant's id",
    "defendant.name": "Defendant",
    "defendant.date_of_birth": "Defendant born",
    "doubtful_date_of_birth": "Why the date of birth is not used",
    "doubtful_age": "Why the age is not used",
    "event": "What happened",
    "expires_on": "Lasts until",
    "final": "Final",
    "firearms_certificate": "Firearms certificate",
    "force": "Force",
    "force_code": "Force",
    "grade": "Risk grade",
    "risk.grade": "Risk grade",
    "grounds_coded": "Grounds",
    "heard_or_saw": "Heard or saw it",
    "hearing": "Hearing",
    "hearing_at": "To be heard",
    "hearing_on": "Heard on",
    "held_because": "Held because",
    "historic": "Happened long ago",
    "home_educated": "Educated at home",
    "how": "How",
    "id": "Id",
    "incident_log": "Incident log",
    "indicator.abuse.incident_in_last_6_months": "Sign: an incident in the last 6 months, after the order",
    "indicator.course_of_the_case.repeat_application": "Sign: it was asked for before",
    "indicator.representation.same_firm_as_defendant": "Sign: the same firm acts for both",
    "indicator.timing.soon_after_the_order": "Sign: she asks soon after the order",
    "injured": "Hurt",
    "children.injured": "Was hurt",
    "injury_level": "Worst injury",
    "interpreter_needed": "Interpreter needed",
    "intervened": "Stepped in",
    "is_police": "Police officer or staff",
    "la_code": "Local authority",
    "label": "Result",
    "language": "Language",
    "last_day": "Last day on which the court can change it",
    "last_sitting_before": "Last sitting of the court before that",
    "legal_basis": "Made under",
    "lives_with": "Reported to live with",
    "location": "Place",
    "location_type": "Kind of place",
    "length_unclear": "The court has not said clearly how long it lasts",
    "lodged_at": "Lodged",
    "lower_because": "Lower than before because",
    "made_on": "Made on",
    "marked_as_domestic_abuse_by": "Marked as domestic abuse by",
    "mode": "Asked for",
    "name": "Name",
    "not_allowed_before_unless_time_is_shortened": "Not before, unless the court shortens the time",
    "notification": "Notification",
    "number": "Number",
    "occurred_at": "Happened",
    "occurred_from": "When it happened",
    "occurred_to": "It went on until",
    "offence_code": "Kind of application",
    "offences": "Offences",
    "officer_unit": "Officer's unit",
    "on": "On",
    "order": "Order",
    "considered_and": "An order was considered",
    "outcome_of_her_views": "Whether her views were obtained",
    "position_of_the_police": "Where the police stand",
    "order_code": "Kind of order",
    "ground_fell_by": "What happened to the case",
    "order_is_now": "State of the order",
    "order_whose_protection_is_not_confirmed": "The order",
    "ordered_date": "Ordered on",
    "outcome": "Outcome",
    "override_reason": "Grade differs from the ticks because",
    "parties": "Parties",
    "child": "Child, by number",
    "party": "Party",
    "place_term_added": "A place was added to the order",
    "place_term_proposed": "A new place is proposed for the order",
    "pnc_id": "PNC id",
    "cro_number": "CRO number",
    "points_the_other_way": "What points the other way",
    "position_of_trust": "Works with",
    "pregnant": "Pregnant",
    "present": "Was there",
    "primary_perpetrator": "Primary perpetrator",
    "professional_judgement_high": "High by professional judgement",
    "qualifiers": "Qualifiers",
    "question": "Question",
    "reason": "Reason",
    "reasons_code": "Reasons",
    "reference": "Reference",
    "referred_for": "Why it is a referral",
    "refused": "Refused because",
    "relation_to_victim": "Relation to the victim",
    "released": "Routes released",
    "pupil.unsafe_person": "Not safe for the pupil is somebody who is, to the pupil, as alleged",
    "relationship": "Relationship",
    "remand": "Until the next hearing",
    "reported_at": "Reported",
    "replaced_by": "Answer this one instead",
    "representations_due_at": "Representations are due",
    "represented": "Has a lawyer, on the court's record",
    "risk_assessed_at": "The risk was assessed anew",
    "risk.possible_ticks": "Ticks, if every unanswered question is a yes",
    "risk.professional_judgement_high": "High by professional judgement",
    "risk.routed_by": "What decided who is told",
    "risk.ticks": "Ticks",
    "risk.tool": "Assessed with",
    "role": "Role",
    "roles": "Who is victim and who is suspect",
    "safe_contact": "Safe contact",
    "safe_contact_recorded_on": "Safe contact recorded on",
    "safe_contact_stale_from": "To be confirmed anew from",
    "same_firm_as_defendant": "Same firm as the defendant, on the court's record",
    "say_whom_it_protects": "Whom it protects",
    "school_urns": "Schools",
    "sender.agency": "From",
    "sender.court": "From",
    "sender.force": "From",
    "schools": "School",
    "sentenced_on": "Sentenced on",
    "separation": "Separation",
    "sequence": "Offence number",
    "served_on_prosecutor_at": "Served on the prosecutor",
    "sexual_violence": "Sexual violence",
    "source_hearing_id": "The court's own hearing id",
    "spoken_alone": "Spoken to alone",
    "stalking": "Stalking",
    "stated_by": "Said by",
    "still_binding": "What else still binds him",
    "still_binding.until": "It binds him until",
    "strangulation": "Strangulation",
    "suicide_threat": "Threat of suicide by",
    "support_referral": "Referral to support",
    "system": "Record system",
    "target": "Was the target",
    "terms.text": "The order says",
    "text": "In the court's words",
    "threat_to_kill": "Threat to kill",
    "tick_count": "Ticks",
    "time_served": "Time served",
    "title": "Offence, as it was sent",
    "to_party": "To party",
    "tool": "Assessed with",
    "tool_version": "Version of the tool",
    "unanswered.accept": "Not taken on by",
    "unanswered.acknowledge": "Not read by",
    "unanswered.decide": "Not decided by",
    "unanswered.school": "School that has not answered",
    "unborn": "Unborn",
    "under_5_not_in_school": "Under 5, not in school",
    "unsafe_adult": "Adult who may not be safe for the child",
    "until_further_order": "Until further order",
    "urn": "URN",
    "value": "Value",
    "verdict": "Verdict",
    "verdict_code": "Verdict code",
    "verdict_date": "Verdict on",
    "view": "What she says about an order",
    "view.is": "How current that is",
    "voice": "What the child said",
    "weapon": "A weapon was used or threatened",
    "what": "What",
    "which_order": "Which order it is",
    "zone": "Zone",
}

# By item (its whole name, else its last part), then by value. "" holds for every item.
VALUES: Mapping[str, Mapping[str, str]] = {
    "": {
        "unknown": "not known",
        "not_asked": "not asked",
        "not_known_which": "not known which one",
        "not_known_here": "not known here",
        "protected_person": "the protected person",
    },
    "abuse_types": {
        "controlling_coercive": "controlling or coercive",
        "hba": "honour-based abuse",
        "fm": "forced marriage",
        "fgm": "female genital mutilation",
    },
    "action": {
        "imposed": "it made the order",
        "varied": "it changed the terms of the order",
        "discharged": "it ended the order",
        "replaced": "it made this order in place of another",
        "changed_not_stated": "it changed or ended the order; the result does not say which",
        "vary": "to change the order",
        "discharge": "to end the order",
        "renew": "to make the order last longer",
    },
    "asked_to": {
        "vary": "to change the order",
        "discharge": "to end the order",
        "renew": "to make the order last longer",
    },
    "applicant_role": {
        "defendant": "he, the defendant",
        "prosecution": "the prosecution",
        "protected_person": "the person whom the order protects",
        "other": "somebody else",
    },
    "answered": {
        "acknowledged": "that you have read it",
        "accepted": "that you take it on",
        "declined": "that you decline",
        "decided": "that you have decided",
    },
    "cause": {
        "sentence": "it was part of a sentence",
        "application": "somebody applied for it",
        "breach_proceedings": "it followed a breach",
        "appeal": "it followed an appeal",
    },
    "could_be_decided": {"now": "at any moment"},
    "court_type": {
        "crown": "Crown Court",
        "magistrates": "magistrates' court",
        "youth": "youth court",
        "family": "family court",
        "appeal": "court of appeal",
    },
    "doubtful_date_of_birth": {
        "birth_date_impossible": "nobody in this matter can have been born on that day",
        "birth_date_contradicts_age": "it disagrees with the age that is stated",
        "birth_date_of_small_child": "it would make somebody who is listed as an adult a small child",
    },
    "doubtful_age": {
        "age_impossible": "no suspect, and nobody's partner, is so young",
        "age_of_small_child": "it would make a small child of somebody who is stated as a party",
    },
    "event": {
        "application_lodged": "somebody asks the court to change or end an order",
        "application_withdrawn": "an application about an order was withdrawn",
        "application_granted": "the court granted an application about an order: protection may have ended",
        "application_part": "the court granted part of an application about an order: protection may be less",
        "application_refused": "the court refused an application about an order",
        "hearing_resulted": "a court gave its result in a case",
        "order_imposed": "a court made an order",
        "order_varied": "a court changed an order: protection may be less than before",
        "order_discharged": "a court ended an order: protection may have ended",
        "order_replaced": "a court put another order in the place of one: protection may have changed",
        "order_changed_not_stated": "a court changed or ended an order: protection may have ended",
    },
    "ground_fell_by": {
        "reopened": "the case was reopened",
        "set_aside": "the conviction was set aside",
        "appeal_allowed": "an appeal was allowed",
        "quashed": "the conviction was quashed",
        "replaced": "another order was put in the place of this one",
        "defendant_died": "the defendant has died",
    },
    "held_because": {
        "suspect_is_police": "a suspect is police",
        "honour_based_abuse": "honour-based abuse, forced marriage or FGM is reported",
        "roles_unresolved": "it is not settled who is the victim and who is the suspect",
    },
    "marked_as_domestic_abuse_by": {
        "linked_incident": "the incident that it is linked to",
        "qualifier": "the court's result",
        "case_marker": "a marker on the case",
        "stated_in_court": "what was stated in court",
        "offence": "the offence itself",
    },
    "mode": {"written": "in writing", "oral_in_court": "by word in court"},
    "order": {"not_known_which": "not known which one", "not_known_here": "not known here"},
    "order_is_now": {
        "live": "in force",
        "varied": "in force, with other terms",
        "discharged": "ended by the court: it does not protect her any more",
        "replaced": "replaced by another order",
        "expired": "run out: it does not protect her any more",
        "unknown_change": "changed or ended by the court, not known which: act as if it did not protect her",
        "changed_by_the_court_how_is_not_known_yet": "changed or ended by the court, not known yet which: act as if it "
        "did not protect her",
        "which_order_not_known": "perhaps changed: a court changed one of several orders, and which one is not known",
        "discharge_not_arrived": "perhaps ended: the court granted its discharge, and the result has not come",
        "order_may_not_stand": "not known, because the case behind it was undone: act as if it did not protect her",
        "defendant_died": "at its end: the defendant has died",
    },
    "outcome": {"granted": "granted", "part": "granted in part", "refused": "refused"},
    "points_the_other_way": {
        "first_application": "it is the first application",
        "no_recent_incident": "no incident in the last 6 months is known",
        "asks_to_vary_only": "it asks to change the order, not to end it",
    },
    "position_of_trust": {"children": "children", "adults": "adults at risk"},
    "referred_for": {
        "high_risk": "the risk to the victim is assessed as high",
        "strangulation": "strangulation is alleged",
        "weapon": "a weapon is alleged",
        "child_injured": "the child is reported to be hurt",
        "child_intervened": "the child is reported to have stepped in",
        "child_target": "the child is reported to have been the target",
        "unborn": "the child is not born yet",
        "under_1": "the child is under 1",
        "incidents_mount_up": "incidents around the child are mounting up",
    },
    "remand": {
        "conditional_bail": "on bail with conditions",
        "unconditional_bail": "on bail without conditions",
        "custody": "in custody",
        "care": "in care",
        "not_applicable": "does not apply",
    },
    "risk.routed_by": {
        "grade": "the recorded grade",
        "professional_judgement": "the professional's judgement",
        "unanswered_questions": "the questions left unanswered: they could make it higher",
        "ticks": "the number of ticks",
    },
    "roles": {"not_resolved": "not settled"},
    "safe_contact": {
        "recorded_with_sender": "the sender has a record of how: ask first",
        "none": "no safe way is recorded: do not contact her",
        "unknown": "not known: do not contact her",
    },
    "separation": {"recent": "they separated recently", "planned": "a separation is planned"},
    "still_binding": {
        "bail_conditions": "conditions of his bail",
        "no_other_order_known_here": "no other order is known here",
        "not_known_whether_another_order_binds_him": "not known: do not rely on another order",
    },
    "support_referral": {
        "agreed": "she agreed",
        "declined": "she declined",
        "not_asked": "she was not asked",
        "not_safe_to_ask": "it was not safe to ask her",
    },
    "terms.text": {"not_shown": "not shown to you: it may name others. Ask the sender"},
    "unsafe_adult": {
        "father": "the father",
        "mother": "the mother",
        "step_parent": "a step-parent",
        "parents_partner": "a parent's partner",
        "sibling": "a brother or sister",
        "grandparent": "a grandparent",
        "other_relative": "another relative",
        "other": "somebody else",
    },
    "verdict": {
        "no_evidence_offered": "no evidence offered",
        "ngri": "not guilty by reason of insanity",
        "unfit_did_act": "unfit to plead, and did the act",
        "lies_on_file": "the charge lies on the file",
        "jury_discharged": "the jury was discharged",
    },
    "view": {"wants": "she wants one", "does_not": "she does not want one"},
    "view.is": {"current": "recent, and she was alone", "not_current": "not current: ask her again, alone"},
    "which_order": {"may_be_hers": "not known: it may be hers, act as if it were"},
    "prohibitions.code": {"no_contact": "contact", "exclusion_zone": "going to a place or zone"},
}
LEGAL_BASES: Mapping[str, str] = {
    "SA20_s360": "Sentencing Code s.360 (on conviction)",
    "PHA97_s5": "Protection from Harassment Act 1997 s.5 (on conviction)",
    "PHA97_s5A": "Protection from Harassment Act 1997 s.5A (without a conviction)",
    "DAPO": "Domestic Abuse Act 2021 (domestic abuse protection order)",
    "SPO": "Stalking Protection Act 2019",
    "interim_SPO": "Stalking Protection Act 2019 (interim)",
    "sexual_offences": "Sexual Offences Act 2003",
    "unknown": "not known",
}
ORDERS: Mapping[str, str] = {
    "3047": "restraining order",
    "3260": "restraining order after an acquittal",
    "3081": "restraining order for a sexual offence",
    "3263": "restraining order that was changed or ended",
    "3306": "interim stalking protection order",
    "3307": "stalking protection order",
    "3326": "domestic abuse protection order",
}
# As the subject is related to the object, now and before.
RELATIONS: Mapping[str, tuple[str, str]] = {
    "spouse": ("is married to", "was married to"),
    "civil_partner": ("is the civil partner of", "was the civil partner of"),
    "engaged": ("is engaged to", "was engaged to"),
    "civil_partnership_agreed": ("has agreed a civil partnership with", "had agreed a civil partnership with"),
    "intimate": ("is in an intimate relationship with", "was in an intimate relationship with"),
    "parent_of_same_child": ("has a child with", "has a child with"),
    "relative": ("is a relative of", "is or was a relative of"),
    "not_connected": ("is not personally connected to", "is not personally connected to"),
}
# What a child is to the victim, where the code itself is not the word for it.
KIN: Mapping[str, str] = {
    "step_child": "stepchild",
    "stepchild": "stepchild",
    "foster_child": "foster child",
    "child_of_suspect": "suspect's child",
}
LANGUAGES: Mapping[str, str] = {
    "ar": "Arabic",
    "bn": "Bengali",
    "bsl": "British Sign Language",
    "cy": "Welsh",
    "en": "English",
    "es": "Spanish",
    "fa": "Farsi",
    "fr": "French",
    "gu": "Gujarati",
    "hi": "Hindi",
    "ku": "Kurdish",
    "lt": "Lithuanian",
    "ne": "Nepali",
    "pa": "Punjabi",
    "pl": "Polish",
    "ps": "Pashto",
    "pt": "Portuguese",
    "ro": "Romanian",
    "so": "Somali",
    "ta": "Tamil",
    "ti": "Tigrinya",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
LEFT_AS_IT_IS = frozenset({"parties.name", "children.name", "defendant.name", "voice", "circumstances", "location"})
# Codes that people write in capitals stay so; of names with underscores only lower-case ones are words.
_CODED = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Names:
    """What agencies, schools, police forces and local authorities of a deployment are called, by their id or code."""

    agencies: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)
    forces: Mapping[str, str] = field(default_factory=dict)
    local_authorities: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, policies: PolicySet) -> "Names":
        return cls(
            {agency.id: agency.name for agency in policies.agencies},
            {urn: agency.name for agency in policies.agencies for urn in agency.schools},
            {force.code: force.name for force in policies.forces},
            {row.la_code: row.name for row in policies.local_authorities},
        )

    def agency(self, agency: str) -> str:
        return self.agencies.get(agency, agency)

    def school(self, urn: str) -> str:
        return self.schools.get(urn, f"school {urn}")

    def force(self, code: str) -> str:
        known = self.forces.get(code)
        return f"{known} (police force {code})" if known else f"police force {code}"

    def local_authority(self, code: str) -> str:
        return self.local_authorities.get(code, f"local authority {code}")


NO_NAMES = Names()


def rule(name: str) -> str:
    """What the rule tells, as a headline."""
    return RULES.get(name) or _plain(name)


def reason(code: str) -> str:
    """The reason as a sentence."""
    return REASONS.get(code) or f"{_plain(code)}."


def item(what: str) -> str:
    """The words for an item of a notification: by its whole name, else by its last part."""
    return of_item(ITEMS, what) or _plain(what.rpartition(".")[2])


def part(name: str) -> str:
    """What changed in an update, as people call it: an item, or another part of the notification."""
    return PARTS.get(name) or item(name)


def value(what: str, said: JsonValue, names: Names = NO_NAMES) -> str:
    """A value of this item as people write it: moments and days in London's way, codes as words, courts by name."""
    match said:
        case bool():
            return "yes" if said else "no"
        case str():
            return _text(what, said, names)
        case list() | tuple():
            return ", ".join(value(what, each, names) for each in said) or "none"
        case None:
            return "not known"
        case dict():
            return ", ".join(f"{item(name)}: {value(name, each, names)}" for name, each in said.items())
    return f"party {said}" if what.rpartition(".")[2] in PARTY_NUMBERS else str(said)


def answer(code: str) -> str:
    """An answer or decision as words."""
    return ANSWERS.get(code) or code.replace("_", " ")


def action(step: str, ask: str, who: str) -> str:
    """What a person at this escalation step must do about an ask that nobody has answered."""
    return ACTIONS[step][ask].format(who=who)


def relation(code: str, *, current: bool) -> str:
    """How somebody is related, as the middle of a sentence: `is married to`."""
    now, before = RELATIONS.get(code) or (f"is the {_words(code)} of", f"was the {_words(code)} of")
    return now if current else before


def kin(code: str) -> str:
    """What a child is to the victim: `daughter`."""
    return KIN.get(code) or _words(code)


def day(on: date) -> str:
    """`Mon 26 Jan 2026`."""
    return f"{on:%a} {on.day} {on:%b %Y}"


def order(code: str) -> str:
    """What an order is called, by the result code that makes it."""
    known = ORDERS.get(code)
    return f"{known} (court result {code})" if known else f"order (court result {code})"


def order_at(place: str) -> str:
    """An order by the hearing that made it: `restraining order of Wed 25 Feb 2026, Swindon Crown Court, case 54...`.

    A hearing is called so itself: `hearing of Wed 25 Feb 2026, ...`. A place of another form stays as it is.
    """
    made = read_order(place)
    hearing = read_hearing(made.hearing if made else place)
    if hearing is None:
        return place
    number = hearing.case.number
    case = f", case {number}" if number != NONE else ""
    what = order(made.code) if made else "hearing"
    return f"{what} of {day(hearing.on)}, {court(hearing.court)}{case}"


def person_at(place: PartyPlace | ChildPlace) -> str:
    """`party 1`, `child 2`."""
    return f"{'party' if isinstance(place, PartyPlace) else 'child'} {place.number}"


def of_item(table: Mapping[str, W], what: str) -> W | None:
    """The entry of a table for an item: by its whole name, else by its last part."""
    return table.get(what) or table.get(what.rpartition(".")[2])


def known(table: Mapping[str, Any], name: str) -> bool:
    """Whether a table has words of its own for this name, or for the last part of it."""
    return of_item(table, name) is not None


def _text(what: str, said: str, names: Names) -> str:
    if what in LEFT_AS_IT_IS or what.rpartition(".")[2] in LEFT_AS_IT_IS:
        return said
    if said in (own := of_item(VALUES, what) or {}):
        return own[said]
    if (written := of_item(WRITTEN, what)) is not None:
        return written(said, names)
    if said in VALUES[""]:
        return VALUES[""][said]
    try:
        if _MOMENT.match(said):
            return moment(datetime.fromisoformat(said))
        if _DAY.fullmatch(said):
            return day(date.fromisoformat(said))
    except ValueError:
        return said
    return _words(said)


def _offence(code: str, _: Names) -> str:
    known_as = title(code)
    return f"{known_as} ({code})" if known_as else f"offence code {code}"


def _charged(said: str, names: Names) -> str:
    number, _, code = said.partition(" ")
    return f"offence {number}: {_offence(code, names)}"


# How a code of an item is written.
WRITTEN: Mapping[str, Callable[[str, Names], str]] = {
    "another_order_was_made_is_she_covered": lambda said, _: order(said),
    "charged_as": _charged,
    "court_ou": lambda said, _: court(said),
    "force_code": lambda said, names: names.force(said),
    "indicator.timing.soon_after_the_order": lambda said, _: order_at(said),
    "la_code": lambda said, names: names.local_authority(said),
    "language": lambda said, _: LANGUAGES.get(said.lower(), f"language code {said}"),
    "legal_basis": lambda said, _: LEGAL_BASES.get(said, said),
    "offence_code": _offence,
    "offences.code": _offence,
    "order": lambda said, _: order_at(said),
    "order.code": lambda said, _: order(said),
    "order_code": lambda said, _: order(said),
    "orders.code": lambda said, _: order(said),
    "order_whose_protection_is_not_confirmed": lambda said, _: order_at(said),
    "prohibitions.code": lambda said, _: "as the order says" if said in ORDERS else _words(said),
    "school_urns": lambda said, names: names.school(said),
    "schools": lambda said, names: names.school(said),
    "say_whom_it_protects": lambda _said, _names: "not confirmed yet",
    "sender.agency": lambda said, names: names.agency(said),
    "sender.court": lambda said, _: court(said),
    "sender.force": lambda said, names: names.force(said),
    "stated_by": lambda said, names: names.agency(said),
    "still_binding": lambda said, _: order(said),
    "agency": lambda said, names: names.agency(said),
}


def _words(code: str) -> str:
    return code.replace("_", " ") if _CODED.fullmatch(code) else code


def _plain(code: str) -> str:
    words = code.replace("_", " ").replace(".", " ")
    return words[:1].upper() + words[1:]
