"""What agencies that were asked to take a person on said to that, in every service that hears it."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """create table undertaking (
            service text not null, notification text not null, kind text not null,
            version bigint not null, at timestamptz not null, fact_id text not null,
            crime text not null, says text not null check (says in ('takes_on', 'declines', 'nothing')),
            primary key (service, notification, kind)
        )"""
    )
    op.execute("create index undertaking_by_crime on undertaking (service, crime)")
