"""The words in which an agency's worker is spoken to: for rules, asks, answers, reasons and all that is shown."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import JsonValue

from services.ops.terminal import moment

RULES: Mapping[str, str] = {
    "high_risk": "High risk of serious harm: referral",
    "idva_without_consent": "Raised risk: referral that does not wait for her agreement",
    "idva_with_consent": "Raised risk: referral with her agreement",
    "victim_support": "She has agreed to support",
    "ask_safely": "She has not agreed to support: ask again, safely",
    "ticks_above_grade": "The ticks are above the recorded grade",
    "possible_above_threshold": "The risk assessment is not complete",
    "grade_review": "Review the grade: a lethality marker stands",
    "escalation": "Incidents are mounting up",
    "birth_date_doubtful": "A date of birth that cannot be right: check it",
    "child_school": "A pupil of yours lives with domestic abuse",
    "child_school_closed": "Domestic abuse around a child is reported while its school is closed",
    "child_school_reopens": "Domestic abuse around a pupil of yours was reported in the holidays",
    "child_home_educated": "A child educated at home lives with domestic abuse",
    "front_door_referral": "Referral of a child who lives with domestic abuse",
    "young_person_referral": "Referral of a young person in a domestic abuse incident",
    "held_for_specialist": "An incident for your desk alone",
    "high_risk_roles_unresolved": "High risk of serious harm, roles not resolved: referral as a victim",
    "resolve_roles": "It is open who is victim and who is suspect: resolve it",
    "missed_order": "Convicted, and no order known to protect her",
    "missed_order_on_acquittal": "Not convicted, and no order known to protect her",
    "defendant_birth_date_doubtful": "A defendant's date of birth that cannot be right: check it",
    "offence_unconfirmed": "Has the court dealt with the offence against her, or with another?",
    "unlinked_result": "A court result that nobody has linked",
    "order_ground_fell": "What an order that protects her was made on was taken back",
    "bail_conditions_cancelled": "His bail conditions were cancelled",
    "order_imposed": "An order was made that protects her",
    "order_varied": "An order that protects her was varied",
    "order_discharged": "An order that protected her was ended",
    "order_changed_not_stated": "An order that may protect her was varied or ended",
    "order_unconfirmed": "An order was made in her case: whom it protects is not confirmed",
    "place_term_made": "A place stands in an order: assume that he knows",
    "order_concerning_child": "An order that protects a child was made or changed",
    "application_lodged": "An application about the order that protects her",
    "application_withdrawn": "An application about her order was taken back",
    "application_decided": "The court has decided about the order that protects her",
    "application_unconfirmed": "An application about an order: whom that protects is not confirmed",
    "attribution_question": "Whom does this order protect?",
    "unlinked_order": "A court order that nobody has linked",
    "unlinked_application": "An application that nobody has linked",
    "answer_without_notice": "Your answer belongs to no notification",
    "unanswered_manager": "For the manager: nobody has answered",
    "unanswered_strategic": "For the strategic contact: nobody has answered",
    "unanswered_duty_inspector": "Nobody has answered for this person",
}

KINDS: Mapping[str, str] = {
    "notify": "New",
    "update": "Changed",
    "remind": "Reminder",
    "close": "Closed",
    "correct": "Correction",
}

WHAT_KINDS_MEAN: Mapping[str, str] = {
    "notify": "",
    "update": "This replaces what you were told before.",
    "remind": "This is still open.",
    "close": "Nothing more is asked of you here.",
    "correct": "What you were told before no longer stands. Do not act on it.",
}

ASKS: Mapping[str, str] = {
    "acknowledge": "Say that a person has read it",
    "accept": "Say whether you take it on",
    "decide": "Say what you have decided",
}

BASES: Mapping[str, str] = {
    "recorded": "",
    "alleged": "alleged",
    "assessed": "assessed",
    "court_found": "found by a court",
}

REASONS: Mapping[str, str] = {
    "met": "What it was for has been done.",
    "lapsed": "The last moment at which it could be acted on has passed.",
    "declined": "You have declined; the next able service is asked.",
    "answered": "A person has answered.",
    "superseded": "Another agency has it now.",
    "agency_not_in_force": "This agency no longer serves here.",
    "other_routes_apply": "Another route is taken now.",
    "ground_fell": "A record on which it rested was corrected or taken back.",
    "another_person": "What you were told here before was about another person. It is taken back.",
    "ground_changed": "It had ended already, and what was told then has since proved wrong.",
    "order_protects_her": "An order is now known to protect her.",
    "order_was_made": "An order protected her. It has ended since.",
    "order_to_be_sought": "The CPS will ask the court for an order.",
    "order_not_sought": "The CPS will not ask for an order, for a recorded reason.",
    "outcome_taken_back": "A later hearing took the outcome back.",
    "link_settled": "It is known now whom it concerns, or that it concerns nobody here.",
    "attributed": "It is known now whom the order protects.",
    "application_decided": "The court has decided the application.",
    "application_withdrawn": "The application was taken back.",
    "order_discharged": "The court discharged the order. It does not protect her any more.",
    "order_replaced": "The court put another order in the place of this one.",
    "order_expired": "The last day of the order has passed. It does not protect her any more.",
    "order_changed_not_stated": "The court varied or discharged the order; its result does not say which. Act as if it "
    "may not protect her.",
    "discharge_not_arrived": "The court granted the discharge of the order; the result that says so has not come. Act "
    "as if the order may not protect her.",
    "order_may_not_stand": "What the order was made on was taken back. Find out whether the order still stands; until "
    "then act as if it may not protect her.",
    "order_stands": "A person or a court has said since that the order stands.",
    "order_has_ended": "The order has ended.",
    "defendant_died": "The court has ended the proceedings because the defendant has died.",
    "before_go_live": "It arose before the day from which this deployment tells it.",
    "met_before_told": "It was done before anybody was told.",
    "lapsed_before_told": "Its last moment had passed before anybody was told.",
    "suspect_is_police": "A suspect is police: only the desk named for that is told.",
    "honour_based_abuse": "Honour-based abuse, forced marriage or FGM: only the specialist desk is told.",
    "roles_unresolved": "Who is victim and who is suspect is not settled.",
    "victim_under_16": "She is under 16: this is child protection.",
    "suspect_under_16": "The suspect is under 16: this is child protection.",
    "not_personally_connected": "They are not personally connected in law.",
    "below_threshold": "The risk, as it was assessed, does not reach what this needs.",
    "served_by_higher_route": "A more urgent route already refers her.",
    "support_declined": "She declined a referral to support.",
    "support_not_asked": "She was not asked about support.",
    "not_safe_to_ask": "It was not safe to ask her about support.",
    "below_count": "Fewer incidents than the area's number.",
    "historic": "Disclosed from the past: a pattern, and no escalation.",
    "no_school_named": "No school is recorded for the child.",
    "home_educated": "The child is educated at home: the education desk is told.",
    "not_a_child": "Recorded among the children, and 18 or older.",
    "stated_twice": "The same child is told of at another place.",
    "no_incident": "The incident that it belongs to is not known.",
    "not_domestic_abuse": "Nothing marks the case as domestic abuse.",
    "convicted_before_the_incident": "He was convicted of it before this incident: it is another offence.",
    "offence_not_confirmed": "Whether this is the offence against her is not confirmed: the DAIT is asked.",
    "no_verdict": "The court has not decided the offence yet.",
    "not_sentenced": "Not sentenced yet: an order can still be made.",
    "not_final": "The result is not final.",
    "no_power_unfit_did_act": "Unfit to plead and did the act: the court has no power to make an order.",
    "no_power_withdrawn": "The charge was withdrawn: the court has no power to make an order.",
    "no_power_discontinued": "The case was discontinued: the court has no power to make an order.",
    "no_power_lies_on_file": "The charge lies on the file: the court has no power to make an order.",
    "protects_another": "The order is known to protect somebody else.",
    "not_in_custody": "No prison is known to hold him.",
    "which_order_not_known": "It is not known which order was changed.",
    "not_known_to_protect_her": "The order is not known to protect her.",
    "counted_before": "It was counted before, towards a number that was told of.",
    "not_an_offence": "The code is no offence of which anybody is convicted.",
}

# By the whole name of an item, else by its last part; what several kinds of fact call alike has one word for all.
ITEMS: Mapping[str, str] = {
    "abuse_types": "Kinds of abuse",
    "action": "What was done or asked",
    "actor": "Who answered",
    "age": "Age",
    "agency": "Agency",
    "alone": "Spoken to alone",
    "another_order_was_made_is_she_covered": "Another order was made: is she covered?",
    "answer": "Answer",
    "answered": "You answered",
    "applicant_role": "Who applied",
    "application": "Application",
    "asked_to": "The court is asked to",
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
    "offences.code": "Offence code",
    "prohibitions.code": "He must not",
    "prohibitions.text": "In the court's words",
    "prohibitions.zone": "Zone",
    "correction_reason": "Corrected because",
    "could_be_decided": "It could be decided",
    "count.crime_references": "Those incidents",
    "count.incidents": "Incidents counted",
    "count.months": "In so many months",
    "counter_allegation": "Each accuses the other",
    "court_case": "Court case",
    "bail_conditions": "Conditions of his bail",
    "court_ou": "Court",
    "court_type": "Kind of court",
    "crime_reference": "Crime reference",
    "current": "Still so",
    "relationships.current": "Are they together now",
    "custody": "In custody",
    "da_finding_s56a": "Domestic abuse stated in court",
    "dait_unit": "DAIT unit",
    "date_of_birth": "Born",
    "decided_on": "Decided on",
    "decision": "Decision",
    "defendant_id": "Defendant's id",
    "defendant.name": "Defendant",
    "defendant.date_of_birth": "Defendant born",
    "doubtful_date_of_birth": "Date of birth that is not used",
    "event": "What happened",
    "expires_on": "Lasts until",
    "final": "Final",
    "firearms_certificate": "Firearms certificate",
    "force": "Force",
    "force_code": "Force",
    "grade": "Grade",
    "risk.grade": "Grade, as recorded",
    "grounds_coded": "Grounds",
    "heard_or_saw": "Heard or saw it",
    "hearing": "Hearing",
    "hearing_at": "To be heard",
    "hearing_on": "Heard on",
    "held_because": "Held because",
    "historic": "From the past",
    "home_educated": "Educated at home",
    "how": "How",
    "id": "Id",
    "incident_log": "Incident log",
    "indicator.abuse.incident_in_last_6_months": "Sign: an incident in the last 6 months, after the order",
    "indicator.course_of_the_case.repeat_application": "Sign: it was asked for before",
    "indicator.representation.same_firm_as_defendant": "Sign: the same firm acts for both",
    "indicator.timing.soon_after_the_order": "Sign: she asks soon after the order",
    "injured": "Hurt",
    "injury_level": "Injury",
    "interpreter_needed": "Interpreter needed",
    "intervened": "Stepped in",
    "is_police": "Police officer or staff",
    "la_code": "Local authority",
    "label": "Result",
    "language": "Language",
    "last_day": "Last day on which the court can mend it",
    "last_sitting_before": "Last sitting before that",
    "legal_basis": "Made under",
    "lives_with": "Lives with",
    "location": "Place",
    "location_type": "Kind of place",
    "length_unclear": "The court has not said clearly how long it lasts",
    "lodged_at": "Lodged",
    "lower_because": "Lower than before because",
    "made_on": "Made on",
    "marked_as_domestic_abuse_by": "Marked as domestic abuse by",
    "mode": "Asked for",
    "name": "Name",
    "not_allowed_before_unless_time_is_shortened": "Not to be allowed before, unless time is shortened",
    "notification": "Notification",
    "number": "Number",
    "occurred_at": "Happened",
    "occurred_from": "Happened from",
    "occurred_to": "Happened until",
    "offence_code": "Offence code",
    "offences": "Offences",
    "officer_unit": "Officer's unit",
    "on": "On",
    "order": "Order",
    "order_code": "Kind of order",
    "ground_fell_by": "What was taken back, and how",
    "order_is_now": "The order is now",
    "order_whose_protection_is_not_confirmed": "Order whose protection is not confirmed",
    "ordered_date": "Ordered on",
    "outcome": "Outcome",
    "override_reason": "Grade differs from the ticks because",
    "parties": "Parties",
    "party": "Party",
    "place_term_added": "A place was added",
    "place_term_proposed": "A place is proposed",
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
    "referred_for": "Referred because of",
    "refused": "Refused because",
    "relation_to_victim": "To her",
    "relationship": "To her",
    "remand": "Until the next hearing",
    "reported_at": "Reported",
    "representations_due_at": "Representations due",
    "represented": "Has a lawyer, on the court's record",
    "risk_assessed_at": "The risk was assessed anew",
    "risk.possible_ticks": "Ticks, if the unanswered are yes",
    "risk.professional_judgement_high": "High by professional judgement",
    "risk.routed_by": "Routed by",
    "risk.ticks": "Ticks",
    "risk.tool": "Assessed with",
    "role": "Role",
    "roles": "Who is victim and who is suspect",
    "safe_contact": "Safe contact",
    "safe_contact_recorded_on": "Safe contact recorded on",
    "same_firm_as_defendant": "Same firm as the defendant, on the court's record",
    "say_whom_it_protects": "Say whom it protects",
    "school_urns": "Schools",
    "schools": "Schools told of",
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
    "still_binding.until": "That binds him until",
    "strangulation": "Strangulation",
    "suicide_threat": "Threat of suicide by party",
    "support_referral": "Support",
    "system": "Record system",
    "target": "Aimed at",
    "terms.text": "The court's words",
    "text": "In the court's words",
    "threat_to_kill": "Threat to kill",
    "tick_count": "Ticks",
    "time_served": "Time served",
    "title": "Offence",
    "to_party": "To party",
    "tool": "Assessed with",
    "tool_version": "Version of the tool",
    "unanswered": "What nobody has done",
    "unanswered_by": "Who has not answered",
    "unborn": "Unborn",
    "under_5_not_in_school": "Under 5, not in school",
    "unsafe_adult": "Adult who is not safe for the child",
    "until_further_order": "Until further order",
    "urn": "URN",
    "value": "Value",
    "verdict": "Verdict",
    "verdict_code": "Verdict code",
    "verdict_date": "Verdict on",
    "view": "Her view of an order",
    "view.is": "That view is",
    "voice": "In the child's words",
    "weapon": "Weapon",
    "what": "What",
    "which_order": "Which order",
    "zone": "Zone",
}

VALUES: Mapping[str, str] = {
    "reopened": "the case was reopened",
    "set_aside": "the conviction was set aside",
    "appeal_allowed": "an appeal was allowed",
    "quashed": "the conviction was quashed",
    "replaced": "replaced by another",
    "live": "in force",
    "varied": "in force, with other terms",
    "unknown_change": "varied or discharged, it is not known which",
    "changed_by_the_court_how_is_not_known_yet": "changed by the court; how is not known here yet",
    "order_may_not_stand": "not known: what it was made on was taken back",
    "defendant_died": "at its end: the defendant has died",
    "which_order_not_known": "perhaps changed: a court changed one of several orders, and which one is not known",
    "discharge_not_arrived": "perhaps ended: the court granted its discharge, and the result has not come",
    "agreed": "she agreed",
    "declined": "she declined",
    "not_asked": "she was not asked",
    "not_safe_to_ask": "it was not safe to ask",
    "recorded_with_sender": "recorded with the sender",
    "3047": "restraining order (3047)",
    "3260": "restraining order on acquittal (3260)",
    "3263": "restraining order varied or discharged (3263)",
    "3326": "domestic abuse protection order (3326)",
    "SA20_s360": "Sentencing Code s.360",
    "PHA97_s5": "PHA 1997 s.5",
    "PHA97_s5A": "PHA 1997 s.5A",
    "parent_of_same_child": "parent of the same child",
    "birth_date_impossible": "nobody in this matter can have been born on that day",
    "birth_date_contradicts_age": "it disagrees with the age that is stated",
    "birth_date_of_small_child": "it would make a small child of somebody who is stated as a party",
    "not_resolved": "not resolved",
    "linked_incident": "the incident that it is linked to",
    "oral_in_court": "by word in court",
}
# Codes that people write in capitals stay so; of names with underscores only lower-case ones are words.
_CODED = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def rule(name: str) -> str:
    """What the rule tells, as a headline."""
    return RULES.get(name) or _plain(name)


def reason(code: str) -> str:
    """The reason as a sentence."""
    return REASONS.get(code) or f"{_plain(code)}."


def item(what: str) -> str:
    """What an item of a notice is called: by its whole name, else by the last part of it."""
    return ITEMS.get(what) or ITEMS.get(what.rpartition(".")[2]) or _plain(what.rpartition(".")[2])


def value(said: JsonValue) -> str:
    """A value as people write it: moments and days in London's way, codes as words."""
    match said:
        case bool():
            return "yes" if said else "no"
        case str():
            return _text(said)
        case list() | tuple():
            return ", ".join(value(each) for each in said) or "none"
        case None:
            return "not known"
        case dict():
            return ", ".join(f"{item(name)}: {value(each)}" for name, each in said.items())
    return str(said)


def answer(code: str) -> str:
    """An answer or decision as words."""
    return code.replace("_", " ")


def day(on: date) -> str:
    """`Mon 26 Jan 2026`."""
    return f"{on:%a} {on.day} {on:%b %Y}"


def _text(said: str) -> str:
    if said in VALUES:
        return VALUES[said]
    try:
        if _MOMENT.match(said):
            return moment(datetime.fromisoformat(said))
        if _DAY.fullmatch(said):
            return day(date.fromisoformat(said))
    except ValueError:
        return said
    return said.replace("_", " ") if _CODED.fullmatch(said) else said


def _plain(code: str) -> str:
    words = code.replace("_", " ").replace(".", " ")
    return words[:1].upper() + words[1:]


def known(table: Mapping[str, Any], name: str) -> bool:
    """Whether a table has words of its own for this name, or for the last part of it."""
    return name in table or name.rpartition(".")[2] in table
