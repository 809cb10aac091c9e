"""What rules ask of policy by name: a deployer's files without one of these are refused before anything is judged."""

from services.policy.tables import Named

NEEDED = Named(
    routes=frozenset(
        {
            "answer_without_notice",
            "application_decided",
            "application_lodged",
            "application_unconfirmed",
            "application_withdrawn",
            "ask_safely",
            "attribution_question",
            "child_home_educated",
            "child_school",
            "escalation",
            "front_door_referral",
            "front_door_same_day",
            "grade_review",
            "held_honour_based_abuse",
            "held_roles_unresolved",
            "held_suspect_is_police",
            "high_risk",
            "idva_with_consent",
            "idva_without_consent",
            "missed_order_crown",
            "missed_order_limit_not_known",
            "missed_order_magistrates",
            "missed_order_on_acquittal",
            "order_change_concerning_child",
            "order_change_unconfirmed",
            "order_changed_not_stated",
            "order_concerning_child",
            "order_discharged",
            "order_imposed",
            "order_unconfirmed",
            "order_varied",
            "place_term_made",
            "possible_above_threshold",
            "ticks_above_grade",
            "unlinked_application",
            "unlinked_order_changed",
            "unlinked_order_imposed",
            "unlinked_result",
            "victim_support",
            "young_suspect_referral",
            "young_victim_referral",
        }
    ),
    clocks=frozenset(
        {
            "attribution",
            "could_be_decided_now",
            "indicator_recent_incident",
            "indicator_soon_after_order",
            "notice_before_allowing",
            "safe_contact_fresh",
            "sentence_alteration",
            "view_on_order_current",
        }
    ),
    windows=frozenset({"child_incidents", "escalation"}),
)
