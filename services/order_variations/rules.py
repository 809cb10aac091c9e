"""Orders that protect her and what happens to them, told to those who protect her before and after courts decide."""

from services.order_variations import applications, children, heard, orders, references

RULES = (*orders.RULES, *children.RULES, *applications.RULES, *heard.RULES, *references.RULES)
