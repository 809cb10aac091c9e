"""Facts and duties, one evaluation of a file, escalation, and what each agency may see."""
