"""series overrides

Revision ID: 1487957ecd50
Revises: aa046c260acb
"""

import sqlalchemy as sa
from alembic import op


revision = '1487957ecd50'
down_revision = 'aa046c260acb'
branch_labels = None
depends_on = None

# Locks are waited for 10 s at most (see migrations/env.py). Add columns as nullable, fill them in
# batches, then enforce; build indexes of large tables with postgresql_concurrently.


def upgrade() -> None:
    op.create_table('zone_rules',
    sa.Column('timezone', sa.String(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('timezone', name=op.f('pk_zone_rules'))
    )
    op.create_table('overrides',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('original_start', sa.DateTime(timezone=True), nullable=False),
    sa.Column('original_local', sa.DateTime(), nullable=False),
    sa.Column('start_local', sa.DateTime(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('cancelled', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('moved', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('added', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('name', sa.String(), nullable=True),
    sa.Column('description', sa.String(), nullable=True),
    sa.Column('ical_raw', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['event_id'], ['events.id'], name=op.f('fk_overrides_event_id_events'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('event_id', 'original_start', name=op.f('pk_overrides'))
    )
    op.create_index('ix_overrides_window', 'overrides', ['event_id', 'starts_at', 'ends_at'], unique=False)
    op.create_table('occurrence_decisions',
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('original_start', sa.DateTime(timezone=True), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('decision', sa.String(), nullable=False),
    sa.CheckConstraint("decision IN ('yes', 'maybe', 'no', 'undecided')", name=op.f('ck_occurrence_decisions_decision')),
    sa.ForeignKeyConstraint(['event_id', 'original_start'], ['overrides.event_id', 'overrides.original_start'], name=op.f('fk_occurrence_decisions_event_id_original_start_overrides'), onupdate='CASCADE', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_occurrence_decisions_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('event_id', 'original_start', 'user_id', name=op.f('pk_occurrence_decisions'))
    )
    op.create_index(op.f('ix_occurrence_decisions_user_id'), 'occurrence_decisions', ['user_id'], unique=False)
    op.add_column('deliveries', sa.Column('starts_at', sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE deliveries SET starts_at = occurrence_start WHERE status IN ('pending', 'sending')"
    )
    op.drop_index(op.f('uq_deliveries_decision'), table_name='deliveries')
    op.create_index('uq_deliveries_decision', 'deliveries', ['event_id', 'occurrence_start', 'user_id', 'channel', 'before', 'due_at'], unique=True)
    op.add_column('events', sa.Column('busy', sa.Boolean(), server_default=sa.text('true'), nullable=False))
    op.add_column('events', sa.Column('repeat_work_days', sa.ARRAY(sa.SmallInteger()), nullable=True))
    op.add_column('events', sa.Column('repeat_rrule', sa.String(), nullable=True))
    op.add_column('events', sa.Column('follows', sa.Uuid(), nullable=True))
    op.add_column('events', sa.Column('ical_uid', sa.String(), nullable=True))
    op.add_column('events', sa.Column('ical_raw', sa.String(), nullable=True))
    op.create_index(op.f('ix_events_timezone'), 'events', ['timezone'], unique=False)
    op.create_index('uq_events_import', 'events', ['author_id', 'ical_uid'], unique=True, postgresql_where=sa.text('ical_uid IS NOT NULL AND cancelled_at IS NULL'))
    op.create_foreign_key(op.f('fk_events_follows_events'), 'events', 'events', ['follows'], ['id'], ondelete='SET NULL')


def downgrade() -> None:
    op.drop_constraint(op.f('fk_events_follows_events'), 'events', type_='foreignkey')
    op.drop_index('uq_events_import', table_name='events', postgresql_where=sa.text('ical_uid IS NOT NULL AND cancelled_at IS NULL'))
    op.drop_index(op.f('ix_events_timezone'), table_name='events')
    op.drop_column('events', 'ical_raw')
    op.drop_column('events', 'ical_uid')
    op.drop_column('events', 'follows')
    op.drop_column('events', 'repeat_rrule')
    op.drop_column('events', 'repeat_work_days')
    op.drop_column('events', 'busy')
    op.drop_index('uq_deliveries_decision', table_name='deliveries')
    op.create_index(op.f('uq_deliveries_decision'), 'deliveries', ['event_id', 'occurrence_start', 'user_id', 'channel', 'before'], unique=True)
    op.drop_column('deliveries', 'starts_at')
    op.drop_index(op.f('ix_occurrence_decisions_user_id'), table_name='occurrence_decisions')
    op.drop_table('occurrence_decisions')
    op.drop_index('ix_overrides_window', table_name='overrides')
    op.drop_table('overrides')
    op.drop_table('zone_rules')
