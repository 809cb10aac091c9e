"""Who hears of a domestic abuse incident, of the risk in it and of the children who live with it: all its rules."""

from services.incidents import (
    apart,
    births,
    children,
    colleges,
    escalation,
    front_door,
    health,
    held,
    marked,
    risk,
    unreachable,
)

RULES = (
    *risk.RULES,
    *marked.RULES,
    *escalation.RULES,
    *children.RULES,
    *colleges.RULES,
    *unreachable.RULES,
    *front_door.RULES,
    *health.RULES,
    *births.RULES,
    *apart.RULES,
    *held.RULES,
)
