"""initial

Revision ID: aa046c260acb
Revises: 
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = 'aa046c260acb'
down_revision = None
branch_labels = None
depends_on = None

# Locks are waited for 10 s at most (see migrations/env.py). Add columns as nullable, fill them in
# batches, then enforce; build indexes of large tables with postgresql_concurrently.


def upgrade() -> None:
    op.create_table('log_batches',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('records', sa.Integer(), nullable=False),
    sa.Column('stored_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_log_batches'))
    )
    op.create_index(op.f('ix_log_batches_stored_at'), 'log_batches', ['stored_at'], unique=False)
    op.create_table('log_records',
    sa.Column('ts', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('level', sa.SmallInteger(), nullable=False),
    sa.Column('project', sa.String(), nullable=False),
    sa.Column('module', sa.String(), nullable=False),
    sa.Column('message', sa.String(), nullable=False),
    sa.Column('host', sa.String(), nullable=True),
    sa.Column('service', sa.String(), nullable=True),
    sa.Column('environment', sa.String(), nullable=True),
    sa.Column('logger', sa.String(), nullable=True),
    sa.Column('trace_id', sa.String(), nullable=True),
    sa.Column('span_id', sa.String(), nullable=True),
    sa.Column('request_id', sa.String(), nullable=True),
    sa.Column('stack_trace', sa.String(), nullable=True),
    sa.Column('attrs', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.PrimaryKeyConstraint('ts', 'id', name=op.f('pk_log_records'))
    )
    op.create_table('log_rejects',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('batch_id', sa.Uuid(), nullable=True),
    sa.Column('position', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('payload', sa.LargeBinary(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_log_rejects'))
    )
    op.create_index('ix_log_rejects_received_at', 'log_rejects', ['received_at'], unique=False)
    op.create_table('login_attempts',
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('window_until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_login_attempts'))
    )
    op.create_index(op.f('ix_login_attempts_window_until'), 'login_attempts', ['window_until'], unique=False)
    op.create_table('users',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('login', sa.String(), nullable=False),
    sa.Column('first_name', sa.String(), nullable=False),
    sa.Column('last_name', sa.String(), nullable=False),
    sa.Column('role', sa.String(), server_default='user', nullable=False),
    sa.Column('password_hash', sa.String(), nullable=True),
    sa.Column('email', sa.String(), nullable=True),
    sa.Column('phone', sa.String(), nullable=True),
    sa.Column('telegram_chat_id', sa.String(), nullable=True),
    sa.Column('slack_webhook', sa.String(), nullable=True),
    sa.Column('timezone', sa.String(), server_default='UTC', nullable=False),
    sa.Column('language', sa.String(), server_default='en', nullable=False),
    sa.Column('work_days', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("role IN ('user', 'admin')", name=op.f('ck_users_role')),
    sa.CheckConstraint('login = lower(login)', name=op.f('ck_users_login_lower')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('login', name=op.f('uq_users_login'))
    )
    op.create_table('api_tokens',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('scopes', sa.ARRAY(sa.String()), nullable=False),
    sa.Column('project', sa.String(), nullable=True),
    sa.Column('made_with', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['made_with'], ['api_tokens.id'], name=op.f('fk_api_tokens_made_with_api_tokens'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_api_tokens_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_tokens')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_tokens_token_hash'))
    )
    op.create_index(op.f('ix_api_tokens_made_with'), 'api_tokens', ['made_with'], unique=False)
    op.create_index(op.f('ix_api_tokens_user_id'), 'api_tokens', ['user_id'], unique=False)
    op.create_table('deliveries',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=True),
    sa.Column('occurrence_start', sa.DateTime(timezone=True), nullable=True),
    sa.Column('before', sa.String(), nullable=True),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('priority', sa.SmallInteger(), server_default=sa.text('5'), nullable=False),
    sa.Column('content', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('status', sa.String(), server_default='pending', nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempt_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('late', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_error', sa.String(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("status IN ('pending', 'sending', 'sent', 'missed', 'withdrawn', 'dead')", name=op.f('ck_deliveries_status')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_deliveries_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries'))
    )
    op.create_index('ix_deliveries_user_id_id', 'deliveries', ['user_id', 'id'], unique=False)
    op.create_index('ix_deliveries_waiting', 'deliveries', ['channel', 'priority', 'attempt_at'], unique=False, postgresql_where=sa.text("status IN ('pending', 'sending')"))
    op.create_index('uq_deliveries_decision', 'deliveries', ['event_id', 'occurrence_start', 'user_id', 'channel', 'before'], unique=True)
    op.create_table('events',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('author_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('description', sa.String(), server_default='', nullable=False),
    sa.Column('start_local', sa.DateTime(), nullable=False),
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('duration', sa.Interval(), nullable=False),
    sa.Column('all_day', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('visibility', sa.String(), server_default='public', nullable=False),
    sa.Column('repeat_type', sa.String(), nullable=True),
    sa.Column('repeat_each', sa.SmallInteger(), server_default=sa.text('1'), nullable=False),
    sa.Column('repeat_weekly_days', sa.ARRAY(sa.SmallInteger()), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('repeat_last_week', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('repeat_due_date', sa.Date(), nullable=True),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('series_end', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
    sa.Column('cancelled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("duration >= interval '0'", name=op.f('ck_events_duration')),
    sa.CheckConstraint("visibility IN ('public', 'busy', 'private')", name=op.f('ck_events_visibility')),
    sa.CheckConstraint('repeat_each >= 1', name=op.f('ck_events_repeat_each')),
    sa.ForeignKeyConstraint(['author_id'], ['users.id'], name=op.f('fk_events_author_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_events'))
    )
    op.create_index(op.f('ix_events_author_id'), 'events', ['author_id'], unique=False)
    op.create_index('ix_events_window', 'events', ['starts_at', 'series_end'], unique=False)
    op.create_table('sessions',
    sa.Column('id_hash', sa.LargeBinary(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_sessions_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id_hash', name=op.f('pk_sessions'))
    )
    op.create_index(op.f('ix_sessions_expires_at'), 'sessions', ['expires_at'], unique=False)
    op.create_index(op.f('ix_sessions_user_id'), 'sessions', ['user_id'], unique=False)
    op.create_table('participants',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('decision', sa.String(), server_default='undecided', nullable=False),
    sa.CheckConstraint("decision IN ('yes', 'maybe', 'no', 'undecided')", name=op.f('ck_participants_decision')),
    sa.ForeignKeyConstraint(['event_id'], ['events.id'], name=op.f('fk_participants_event_id_events'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_participants_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('event_id', 'user_id', name=op.f('pk_participants'))
    )
    op.create_index(op.f('ix_participants_user_id'), 'participants', ['user_id'], unique=False)
    op.create_table('reminders',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('before', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('next_occurrence_start', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_fire_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['event_id'], ['events.id'], name=op.f('fk_reminders_event_id_events'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reminders'))
    )
    op.create_index('ix_reminders_next_fire_at', 'reminders', ['next_fire_at'], unique=False, postgresql_where=sa.text('next_fire_at IS NOT NULL'))
    op.create_index('uq_reminders_rule', 'reminders', ['event_id', 'before', 'channel'], unique=True)


def downgrade() -> None:
    op.drop_index('uq_reminders_rule', table_name='reminders')
    op.drop_index('ix_reminders_next_fire_at', table_name='reminders', postgresql_where=sa.text('next_fire_at IS NOT NULL'))
    op.drop_table('reminders')
    op.drop_index(op.f('ix_participants_user_id'), table_name='participants')
    op.drop_table('participants')
    op.drop_index(op.f('ix_sessions_user_id'), table_name='sessions')
    op.drop_index(op.f('ix_sessions_expires_at'), table_name='sessions')
    op.drop_table('sessions')
    op.drop_index('ix_events_window', table_name='events')
    op.drop_index(op.f('ix_events_author_id'), table_name='events')
    op.drop_table('events')
    op.drop_index('uq_deliveries_decision', table_name='deliveries')
    op.drop_index('ix_deliveries_waiting', table_name='deliveries', postgresql_where=sa.text("status IN ('pending', 'sending')"))
    op.drop_index('ix_deliveries_user_id_id', table_name='deliveries')
    op.drop_table('deliveries')
    op.drop_index(op.f('ix_api_tokens_made_with'), table_name='api_tokens')
    op.drop_index(op.f('ix_api_tokens_user_id'), table_name='api_tokens')
    op.drop_table('api_tokens')
    op.drop_table('users')
    op.drop_index(op.f('ix_login_attempts_window_until'), table_name='login_attempts')
    op.drop_table('login_attempts')
    op.drop_index('ix_log_rejects_received_at', table_name='log_rejects')
    op.drop_table('log_rejects')
    op.drop_table('log_records')
    op.drop_index(op.f('ix_log_batches_stored_at'), table_name='log_batches')
    op.drop_table('log_batches')
