"""All tables of the relay, declared once: what was accepted, what was delivered and why, how far streams were read."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

TABLES = MetaData()

Time = DateTime(timezone=True)
Texts = ARRAY(Text)

# When the open asks of a live duty are due, earliest first.
ASKS_OPEN = """
create function asks_open(state text, content text) returns timestamptz[] language sql immutable as $$
    select array_agg((asked ->> 'by')::timestamptz order by (asked ->> 'by')::timestamptz)
    from jsonb_array_elements(content::jsonb -> 'asks') asked where state = 'live' and asked ->> 'met_by' is null
$$
"""


def required(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]], *more: Identity) -> Column[Any]:
    """A column that is never null."""
    return Column(name, kind, *more, nullable=False)


Table(
    "clock",
    TABLES,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    CheckConstraint("singleton", name="clock_singleton_check"),
    required("set_to", Time),
)

Table(
    "clock_seen",
    TABLES,
    required("service", Text),
    required("boot", Text),
    required("before_ticks", Double),
    required("after_ticks", Double),
    required("server_time", Time),
    PrimaryKeyConstraint("service", "boot"),
)

Table(
    "deployment",
    TABLES,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    CheckConstraint("singleton", name="deployment_singleton_check"),
    required("pseudonym_secret", Text),
)

Table(
    "stream_position",
    TABLES,
    required("service", Text),
    required("topic", Text),
    required("partition", Integer),
    Column("next_offset", BigInteger, nullable=False, server_default=text("0")),
    Column("read_to", Time),
    Column("evaluate_from", BigInteger),
    PrimaryKeyConstraint("service", "topic", "partition"),
)

Table(
    "evaluation_published",
    TABLES,
    required("service", Text),
    required("file_pseudonym", Text),
    required("number", Integer),
    PrimaryKeyConstraint("service", "file_pseudonym"),
)

Table(
    "gap",
    TABLES,
    required("service", Text),
    required("topic", Text),
    required("partition", Integer),
    required("first", BigInteger),
    required("past_last", BigInteger),
    required("accepted_at", Time),
    PrimaryKeyConstraint("service", "topic", "partition", "first"),
)

Table(
    "record",
    TABLES,
    required("service", Text),
    required("topic", Text),
    required("partition", Integer),
    required("offset", BigInteger),
    required("fate", Text),
    CheckConstraint(
        "fate in ('accepted', 'repeated', 'superseded', 'not_ours', 'refused', 'faulted')", name="record_fate_check"
    ),
    Column("fact_id", Text),
    required("at", Time),
    PrimaryKeyConstraint("service", "topic", "partition", "offset"),
    Index("record_by_fact", "service", "fact_id", postgresql_where=text("fact_id is not null")),
)

Table(
    "attempt",
    TABLES,
    required("service", Text),
    required("topic", Text),
    required("partition", Integer),
    required("offset", BigInteger),
    required("tries", Integer),
    Column("alone", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("service", "topic", "partition", "offset"),
)

Table(
    "inbox",
    TABLES,
    required("service", Text),
    required("event_id", Text),
    required("source", Text),
    required("content_hash", LargeBinary),
    required("at", Time),
    PrimaryKeyConstraint("service", "event_id", "source"),
)

Table(
    "fact",
    TABLES,
    required("service", Text),
    required("id", Text),
    required("source", Text),
    required("event_id", Text),
    required("kind", Text),
    required("subject", Text),
    required("statement", Text),
    required("version", BigInteger),
    required("version_basis", Text),
    required("recorded_at", Time),
    required("type", Text),
    required("content", Text),
    required("content_hash", LargeBinary),
    required("is_current", Boolean),
    Column("missing", Text),
    required("accepted_at", Time),
    PrimaryKeyConstraint("service", "id"),
    Index("fact_current", "service", "statement", "subject", postgresql_where=text("is_current")),
    Index("fact_content", "service", "statement", "subject", "content_hash"),
    Index(
        "fact_pending", "service", "missing", "accepted_at", postgresql_where=text("is_current and missing is not null")
    ),
)

Table("reference", TABLES, required("service", Text), required("name", Text), PrimaryKeyConstraint("service", "name"))

Table(
    "fact_reference",
    TABLES,
    required("service", Text),
    required("name", Text),
    required("statement", Text),
    required("subject", Text),
    PrimaryKeyConstraint("service", "name", "statement", "subject"),
    Index("fact_reference_by_statement", "service", "statement", "subject"),
)

Table(
    "place",
    TABLES,
    required("service", Text),
    required("crime", Text),
    required("place", Text),
    required("person", Text),
    PrimaryKeyConstraint("service", "crime", "place"),
    Index("place_by_person", "service", "person"),
)

Table(
    "joined",
    TABLES,
    required("service", Text),
    required("record", Text),
    required("person", Text),
    required("through", Texts),
    PrimaryKeyConstraint("service", "record"),
    Index("joined_by_person", "service", "person"),
)

Table(
    "file_membership",
    TABLES,
    required("service", Text),
    required("file", Text),
    required("fact_id", Text),
    required("through", Texts),
    PrimaryKeyConstraint("service", "file", "fact_id"),
    Index("file_membership_by_fact", "service", "fact_id"),
)

Table(
    "case_file",
    TABLES,
    required("service", Text),
    required("file", Text),
    Column("evaluations", Integer, nullable=False, server_default=text("0")),
    Column("evaluated_at", Time),
    Column("next_evaluation_at", Time),
    Column("held_back_until", Time),
    Column("faulted_rules", Texts, nullable=False, server_default="{}"),
    Column("faulted_on", Time),
    Column("faulted_tries", Integer, nullable=False, server_default=text("0")),
    Column("due_because", Text, nullable=False, server_default="clock"),
    PrimaryKeyConstraint("service", "file"),
    Index("case_file_due", "service", "next_evaluation_at", postgresql_where=text("next_evaluation_at is not null")),
    Index("case_file_held_back", "service", "held_back_until", postgresql_where=text("held_back_until is not null")),
    Index("case_file_faulted", "service", "faulted_on", postgresql_where=text("faulted_on is not null")),
)

Table(
    "evaluation",
    TABLES,
    required("service", Text),
    required("file", Text),
    required("number", Integer),
    required("at", Time),
    Column("read_to", Time),
    required("cause", Text),
    required("fact_ids", Texts),
    required("release", Text),
    required("policy_version", Text),
    required("facts_added", Texts),
    required("facts_removed", Texts),
    required("withheld", Text),
    required("unexplained", Texts),
    required("faulted", Texts),
    PrimaryKeyConstraint("service", "file", "number"),
    Index("evaluation_by_fact", "fact_ids", postgresql_using="gin"),
)

Table(
    "notification",
    TABLES,
    required("service", Text),
    required("rule", Text),
    required("subject", Text),
    required("agency", Text),
    required("revision", Integer),
    required("id", Text),
    required("file", Text),
    required("evaluation", Integer),
    required("kind", Text),
    required("at", Time),
    required("content", Text),
    Column("published_at", Time),
    PrimaryKeyConstraint("service", "rule", "subject", "agency", "revision"),
    Index("notification_by_id", "id", unique=True),
    Index("notification_by_evaluation", "service", "file", "evaluation"),
)

Table(
    "delivery",
    TABLES,
    required("service", Text),
    required("rule", Text),
    required("subject", Text),
    required("agency", Text),
    required("file", Text),
    required("revision", Integer),
    required("state", Text),
    required("content", Text),
    Column("asks_by", ARRAY(Time), Computed("asks_open(state, content)", persisted=True)),
    PrimaryKeyConstraint("service", "rule", "subject", "agency"),
    Index(
        "delivery_asks",
        text("(asks_by[1])"),
        postgresql_include=["service", "asks_by"],
        postgresql_where=text("asks_by is not null"),
    ),
    Index("delivery_by_file", "service", "file"),
    Index("delivery_by_agency", "agency"),
)

Table(
    "withheld",
    TABLES,
    required("service", Text),
    required("rule", Text),
    required("subject", Text),
    required("agency", Text),
    required("file", Text),
    required("kind", Text),
    required("reason", Text),
    required("content", Text),
    required("since", Time),
    PrimaryKeyConstraint("service", "file", "rule", "subject", "agency"),
)

Table(
    "unexplained",
    TABLES,
    required("service", Text),
    required("rule", Text),
    required("subject", Text),
    required("agency", Text),
    required("file", Text),
    required("since", Time),
    PrimaryKeyConstraint("service", "rule", "subject", "agency"),
    Index("unexplained_by_file", "service", "file"),
)

Table(
    "answer",
    TABLES,
    required("service", Text),
    required("fact_id", Text),
    required("statement", Text),
    required("subject", Text),
    required("rule", Text),
    required("duty_subject", Text),
    required("agency", Text),
    required("revision", Integer),
    Column("came", Time),
    PrimaryKeyConstraint("service", "fact_id"),
    Index("answer_by_duty", "service", "rule", "duty_subject", "agency"),
)

Table(
    "undertaking",
    TABLES,
    required("service", Text),
    required("notification", Text),
    required("kind", Text),
    required("version", BigInteger),
    required("at", Time),
    required("fact_id", Text),
    required("crime", Text),
    required("says", Text),
    CheckConstraint("says in ('takes_on', 'declines', 'nothing')", name="undertaking_says_check"),
    PrimaryKeyConstraint("service", "notification", "kind"),
    Index("undertaking_by_crime", "service", "crime"),
)

Table(
    "outbox",
    TABLES,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    required("service", Text),
    required("topic", Text),
    required("duty", Text),
    required("revision", Integer),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    required("headers", Text),
    Column("notification_id", Text),
    required("at", Time),
    Column("parked", Text),
    Index("outbox_unpublished", "service", "topic", "number", postgresql_where=text("parked is null")),
    Index("outbox_parked", "service", "topic", "duty", postgresql_where=text("parked is not null")),
)

Table(
    "refusal",
    TABLES,
    required("service", Text),
    required("topic", Text),
    required("partition", Integer),
    required("offset", BigInteger),
    required("reason", Text),
    required("stage", Text),
    required("detail", Text),
    Column("event_id", Text),
    Column("source", Text),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    required("headers", Text),
    required("timestamp", Time),
    required("first_at", Time),
    required("last_at", Time),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    required("judged_by", Text),
    Column("dead_letter", Text),
    Column("settled_at", Time),
    Column("names", Texts, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("service", "topic", "partition", "offset"),
    Index(
        "refusal_open",
        "service",
        "judged_by",
        "topic",
        "partition",
        "offset",
        postgresql_where=text("settled_at is null"),
    ),
    Index("refusal_by_name", "names", postgresql_using="gin"),
)

Table(
    "archive",
    TABLES,
    required("topic", Text),
    required("partition", Integer),
    required("offset", BigInteger),
    required("timestamp", Time),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    required("headers", Text),
    PrimaryKeyConstraint("topic", "partition", "offset"),
)

Table(
    "release",
    TABLES,
    Column("service", Text, primary_key=True),
    required("release", Text),
    required("policy_version", Text),
    required("since", Time),
)
