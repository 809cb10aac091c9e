"""All tables of the relay: what was accepted, what was delivered and why, and how far each stream was read."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
create table clock (
    singleton boolean primary key default true check (singleton),
    set_to timestamptz not null
);

create table clock_seen (
    service text not null, boot text not null,
    before_ticks double precision not null, after_ticks double precision not null,
    server_time timestamptz not null,
    primary key (service, boot)
);

create table deployment (
    singleton boolean primary key default true check (singleton),
    pseudonym_secret text not null
);
insert into deployment (pseudonym_secret) values (gen_random_uuid()::text || gen_random_uuid()::text);

create table stream_position (
    service text not null, topic text not null, partition int not null,
    next_offset bigint not null default 0,
    read_to timestamptz,
    evaluate_from bigint,
    primary key (service, topic, partition)
);

create table evaluation_published (
    service text not null, file_pseudonym text not null, number int not null,
    primary key (service, file_pseudonym)
);

create table gap (
    service text not null, topic text not null, partition int not null,
    first bigint not null, past_last bigint not null, accepted_at timestamptz not null,
    primary key (service, topic, partition, first)
);

create table record (
    service text not null, topic text not null, partition int not null, "offset" bigint not null,
    fate text not null check (fate in ('accepted', 'repeated', 'superseded', 'not_ours', 'refused', 'faulted')),
    fact_id text, at timestamptz not null,
    primary key (service, topic, partition, "offset")
);
create index record_by_fact on record (service, fact_id) where fact_id is not null;

create table attempt (
    service text not null, topic text not null, partition int not null, "offset" bigint not null,
    tries int not null, alone int not null default 0,
    primary key (service, topic, partition, "offset")
);

create table inbox (
    service text not null, event_id text not null, source text not null,
    content_hash bytea not null, at timestamptz not null,
    primary key (service, event_id, source)
);

create table fact (
    service text not null, id text not null, source text not null, event_id text not null,
    kind text not null, subject text not null, statement text not null,
    version bigint not null, version_basis text not null, recorded_at timestamptz not null,
    type text not null, content text not null, content_hash bytea not null,
    is_current boolean not null, missing text, accepted_at timestamptz not null,
    primary key (service, id)
);
create index fact_current on fact (service, statement, subject) where is_current;
create index fact_content on fact (service, statement, subject, content_hash);
create index fact_pending on fact (service, missing, accepted_at) where is_current and missing is not null;

create table reference (
    service text not null, name text not null,
    primary key (service, name)
);
create table fact_reference (
    service text not null, name text not null, statement text not null, subject text not null,
    primary key (service, name, statement, subject)
);
create index fact_reference_by_statement on fact_reference (service, statement, subject);

create table place (
    service text not null, crime text not null, place text not null, person text not null,
    primary key (service, crime, place)
);
create index place_by_person on place (service, person);

create table joined (
    service text not null, record text not null, person text not null, through text[] not null,
    primary key (service, record)
);
create index joined_by_person on joined (service, person);

create table file_membership (
    service text not null, file text not null, fact_id text not null, through text[] not null,
    primary key (service, file, fact_id)
);
create index file_membership_by_fact on file_membership (service, fact_id);

create table case_file (
    service text not null, file text not null,
    evaluations int not null default 0, evaluated_at timestamptz,
    next_evaluation_at timestamptz, held_back_until timestamptz,
    faulted_rules text[] not null default '{}', faulted_on timestamptz, faulted_tries int not null default 0,
    due_because text not null default 'clock',
    primary key (service, file)
);
create index case_file_due on case_file (service, next_evaluation_at) where next_evaluation_at is not null;
create index case_file_held_back on case_file (service, held_back_until) where held_back_until is not null;
create index case_file_faulted on case_file (service, faulted_on) where faulted_on is not null;

create table evaluation (
    service text not null, file text not null, number int not null,
    at timestamptz not null, read_to timestamptz, cause text not null, fact_id text,
    release text not null, policy_version text not null,
    facts_added text[] not null, facts_removed text[] not null,
    withheld text not null, unexplained text[] not null, faulted text[] not null,
    primary key (service, file, number)
);
create index evaluation_by_fact on evaluation (service, fact_id) where fact_id is not null;

create table notification (
    service text not null, rule text not null, subject text not null, agency text not null, revision int not null,
    id text not null, file text not null, evaluation int not null, kind text not null, at timestamptz not null,
    content text not null, published_at timestamptz,
    primary key (service, rule, subject, agency, revision)
);
create unique index notification_by_id on notification (id);
create index notification_by_evaluation on notification (service, file, evaluation);

create function asks_open(state text, content text) returns timestamptz[] language sql immutable as $$
    select array_agg((asked ->> 1)::timestamptz order by (asked ->> 1)::timestamptz)
    from jsonb_array_elements(content::jsonb -> 8) asked where state = 'live' and asked ->> 4 is null
$$;

create table delivery (
    service text not null, rule text not null, subject text not null, agency text not null,
    file text not null, revision int not null, state text not null, content text not null,
    asks_by timestamptz[] generated always as (asks_open(state, content)) stored,
    primary key (service, rule, subject, agency)
);
create index delivery_asks on delivery ((asks_by[1])) include (service, asks_by) where asks_by is not null;
create index delivery_by_file on delivery (service, file);
create index delivery_by_agency on delivery (agency);

create table withheld (
    service text not null, rule text not null, subject text not null, agency text not null,
    file text not null, kind text not null, reason text not null, content text not null, since timestamptz not null,
    primary key (service, file, rule, subject, agency)
);

create table unexplained (
    service text not null, rule text not null, subject text not null, agency text not null,
    file text not null, since timestamptz not null,
    primary key (service, rule, subject, agency)
);
create index unexplained_by_file on unexplained (service, file);

create table answer (
    service text not null, fact_id text not null, statement text not null, subject text not null,
    rule text not null, duty_subject text not null, agency text not null, revision int not null,
    came timestamptz,
    primary key (service, fact_id)
);
create index answer_by_duty on answer (service, rule, duty_subject, agency);

create table undertaking (
    service text not null, notification text not null, kind text not null,
    version bigint not null, at timestamptz not null, fact_id text not null,
    crime text not null, says text not null check (says in ('takes_on', 'declines', 'nothing')),
    primary key (service, notification, kind)
);
create index undertaking_by_crime on undertaking (service, crime);

create table outbox (
    number bigint generated always as identity primary key,
    service text not null, topic text not null, duty text not null, revision int not null,
    key bytea, value bytea, headers text not null,
    notification_id text, at timestamptz not null, parked text
);
create index outbox_waiting on outbox (service, topic, number) where parked is null;
create index outbox_parked on outbox (service, topic, duty) where parked is not null;

create table refusal (
    service text not null, topic text not null, partition int not null, "offset" bigint not null,
    reason text not null, stage text not null, detail text not null, event_id text, source text,
    key bytea, value bytea, headers text not null, timestamp timestamptz not null,
    first_at timestamptz not null, last_at timestamptz not null, attempts int not null default 1,
    judged_by text not null, dead_letter text, settled_at timestamptz, names text[] not null default '{}',
    primary key (service, topic, partition, "offset")
);
create index refusal_open on refusal (service, judged_by, topic, partition, "offset") where settled_at is null;
create index refusal_by_name on refusal using gin (names);

create table archive (
    topic text not null, partition int not null, "offset" bigint not null,
    timestamp timestamptz not null, key bytea, value bytea, headers text not null,
    primary key (topic, partition, "offset")
);

create table release (
    service text primary key, release text not null, policy_version text not null, since timestamptz not null
);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
