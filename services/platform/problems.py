"""What keeps a command from beginning, said to a person: the one kind of error that needs no traceback."""

EXIT_NOT_BEGUN = 2  # of commands and of services alike; docs/runbook.md has the one table of exit statuses


class CannotBeginError(Exception):
    """Wrong usage, no servers, settings or policy that cannot be used. The text says what is wrong and what to do."""
