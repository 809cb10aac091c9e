"""When the broker had each answer: one that came after its notification was replaced is replied to."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("alter table answer add column came timestamptz")
