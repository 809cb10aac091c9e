"""The relay's clock in SQL: the database's own, unless the table `clock` holds a moment.

Only the story of a local run puts a moment there; on deployed servers the table is empty.
"""

NOW = "coalesce((select stands_at from clock), now())"
