"""All tables of the relay, as services/platform/storage/tables.py declares them.

Once it has run at a customer's, write what it makes out in full here before a column changes: a revision must go on
making what it made.
"""

from alembic import op

from services.platform.storage.tables import ASKS_OPEN, TABLES

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(ASKS_OPEN)
    TABLES.create_all(op.get_bind(), checkfirst=False)
    op.execute("insert into deployment (pseudonym_secret) values (gen_random_uuid()::text || gen_random_uuid()::text)")
