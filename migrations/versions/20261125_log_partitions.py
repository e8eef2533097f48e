"""log partitions, counts, audit and retries

Revision ID: c0ffee5106a7
Revises: 83c0b7d45e19
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = 'c0ffee5106a7'
down_revision = '83c0b7d45e19'
branch_labels = None
depends_on = None

DAY = timedelta(days=1)
COLUMNS = "ts, id, level, project, module, message, host, service, environment, logger, trace_id," \
    " span_id, request_id, stack_trace, attrs"


def upgrade() -> None:
    _into_partitions()
    op.create_table('log_counts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('minute', sa.DateTime(timezone=True), nullable=False),
    sa.Column('project', sa.String(), nullable=False),
    sa.Column('level', sa.SmallInteger(), nullable=False),
    sa.Column('records', sa.Integer(), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('merged', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_log_counts'))
    )
    op.create_index('ix_log_counts_minute', 'log_counts', ['minute'], unique=False, postgresql_include=['project', 'level', 'records'])
    op.create_index('ix_log_counts_project', 'log_counts', ['project', 'minute'], unique=False, postgresql_include=['bytes'])
    op.create_index('ix_log_counts_unmerged', 'log_counts', ['minute'], unique=False, postgresql_where=sa.text('NOT merged'))
    op.create_table('log_module_counts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('project', sa.String(), nullable=False),
    sa.Column('module', sa.String(), nullable=False),
    sa.Column('level', sa.SmallInteger(), nullable=False),
    sa.Column('records', sa.Integer(), nullable=False),
    sa.Column('merged', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_log_module_counts'))
    )
    op.create_index('ix_log_module_counts_hour', 'log_module_counts', ['hour'], unique=False, postgresql_include=['project', 'module', 'level', 'records'])
    op.create_index('ix_log_module_counts_unmerged', 'log_module_counts', ['hour'], unique=False, postgresql_where=sa.text('NOT merged'))
    op.execute(
        "INSERT INTO log_counts (minute, project, level, records, bytes, merged)"
        " SELECT date_trunc('minute', ts), project, level, count(*),"
        " sum(octet_length(message) + coalesce(octet_length(stack_trace), 0)"
        " + coalesce(octet_length(attrs::text), 0) + 64), true"
        " FROM log_records GROUP BY 1, 2, 3"
    )
    op.execute(
        "INSERT INTO log_module_counts (hour, project, module, level, records, merged)"
        " SELECT date_trunc('hour', ts), project, module, level, count(*), true"
        " FROM log_records GROUP BY 1, 2, 3, 4"
    )
    op.create_table('log_audit',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('record_id', sa.Uuid(), nullable=False),
    sa.Column('project', sa.String(), nullable=False),
    sa.Column('login', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('before', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('after', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_log_audit'))
    )
    op.create_index(op.f('ix_log_audit_at'), 'log_audit', ['at'], unique=False)
    op.create_index('ix_log_audit_record_id', 'log_audit', ['record_id'], unique=False)
    op.create_table('log_retries',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('connector', sa.String(), nullable=False),
    sa.Column('batch_id', sa.Uuid(), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('rows', sa.LargeBinary(), nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default=sa.text('1'), nullable=False),
    sa.Column('attempt_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_error', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_log_retries'))
    )
    op.create_index('ix_log_retries_attempt_at', 'log_retries', ['connector', 'attempt_at'], unique=False)


def _into_partitions() -> None:
    """What there is becomes the first partition, up to a day that nothing of it reaches."""
    connection = op.get_bind()
    op.execute(
        "UPDATE log_records SET ts = now(), attrs = coalesce(attrs, '{}')"
        " || jsonb_build_object('original_ts', ts) WHERE ts > now() + interval '1 day'"
    )
    newest = connection.scalar(sa.text("SELECT max(ts) FROM log_records"))
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = today
    while newest is not None and begin <= newest:
        begin += DAY
    op.execute("ALTER TABLE log_records RENAME TO log_records_past")
    op.execute("ALTER TABLE log_records_past RENAME CONSTRAINT pk_log_records TO log_records_past_pkey")
    op.execute(
        "CREATE TABLE log_records (LIKE log_records_past INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        " PARTITION BY RANGE (ts)"
    )
    op.execute("ALTER TABLE log_records ADD CONSTRAINT pk_log_records PRIMARY KEY (ts, id)")
    op.execute(
        "ALTER TABLE log_records ATTACH PARTITION log_records_past"
        f" FOR VALUES FROM (MINVALUE) TO ('{begin.isoformat()}')"
    )
    while begin < today + 3 * DAY:
        name = f"log_records_{begin:%Y%m%d}"
        op.execute(
            f"CREATE TABLE {name} PARTITION OF log_records"
            f" FOR VALUES FROM ('{begin.isoformat()}') TO ('{(begin + DAY).isoformat()}')"
        )
        op.execute(
            f"CREATE STATISTICS {name}_words_known"
            f" ON (to_tsvector('simple'::regconfig, message)) FROM {name}"
        )
        begin += DAY
    op.execute(
        "CREATE INDEX ix_log_records_id ON log_records"
        " USING brin (id uuid_bloom_ops) WITH (autosummarize = on)"
    )


def downgrade() -> None:
    op.drop_table('log_retries')
    op.drop_table('log_audit')
    op.drop_table('log_module_counts')
    op.drop_table('log_counts')
    op.execute("ALTER TABLE log_records RENAME TO log_records_partitioned")
    op.execute("ALTER TABLE log_records_partitioned RENAME CONSTRAINT pk_log_records TO pk_partitioned")
    op.execute("CREATE TABLE log_records (LIKE log_records_partitioned INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    op.execute(f"INSERT INTO log_records ({COLUMNS}) SELECT {COLUMNS} FROM log_records_partitioned")
    op.execute("ALTER TABLE log_records ADD CONSTRAINT pk_log_records PRIMARY KEY (ts, id)")
    op.execute("DROP TABLE log_records_partitioned")
