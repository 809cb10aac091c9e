"""What workers last saw of the server's clock: the next one holds it against that."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """create table clock_seen (
            service text not null, boot text not null,
            before_ticks double precision not null, after_ticks double precision not null,
            stood_at timestamptz not null,
            primary key (service, boot)
        )"""
    )
