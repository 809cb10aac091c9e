"""The names that a refused record carries, so that people find it by each of them."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("alter table refusal add column names text[] not null default '{}'")
    op.execute("create index refusal_by_name on refusal using gin (names)")
