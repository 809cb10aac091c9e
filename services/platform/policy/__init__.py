"""Loads agencies and policy files, checks them, and answers for clocks and calendars."""
