"""alert rules

Revision ID: a1e7f00d5c21
Revises: c0ffee5106a7
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = 'a1e7f00d5c21'
down_revision = 'c0ffee5106a7'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'alert_rules',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('enabled', sa.Boolean(), server_default=sa.text('true'), nullable=False),
        sa.Column('kind', sa.String(), server_default='match', nullable=False),
        sa.Column('project', sa.String(), nullable=True),
        sa.Column('module', sa.String(), nullable=True),
        sa.Column('level', sa.SmallInteger(), nullable=True),
        sa.Column('min_level', sa.SmallInteger(), nullable=True),
        sa.Column('pattern', sa.String(), nullable=True),
        sa.Column('attrs', postgresql.JSONB(), nullable=True),
        sa.Column('count', sa.Integer(), server_default=sa.text('1'), nullable=False),
        sa.Column('within_seconds', sa.Integer(), nullable=True),
        sa.Column('group_by', sa.ARRAY(sa.String()), nullable=True),
        sa.Column('cooldown_seconds', sa.Integer(), server_default=sa.text('300'), nullable=False),
        sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
        sa.Column(
            'created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False
        ),
        sa.Column(
            'updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False
        ),
        sa.CheckConstraint("kind IN ('match', 'absence')", name=op.f('ck_alert_rules_kind')),
        sa.CheckConstraint('count >= 1', name=op.f('ck_alert_rules_count')),
        sa.CheckConstraint(
            "within_seconds IS NOT NULL OR (kind = 'match' AND count = 1)",
            name=op.f('ck_alert_rules_within_seconds'),
        ),
        sa.ForeignKeyConstraint(
            ['user_id'],
            ['users.id'],
            name=op.f('fk_alert_rules_user_id_users'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_rules')),
    )
    op.create_index(op.f('ix_alert_rules_user_id'), 'alert_rules', ['user_id'], unique=False)
    op.create_table(
        'alert_recipients',
        sa.Column('rule_id', sa.Uuid(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('channel', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ['rule_id'],
            ['alert_rules.id'],
            name=op.f('fk_alert_recipients_rule_id_alert_rules'),
            ondelete='CASCADE',
        ),
        sa.ForeignKeyConstraint(
            ['user_id'],
            ['users.id'],
            name=op.f('fk_alert_recipients_user_id_users'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('rule_id', 'user_id', name=op.f('pk_alert_recipients')),
    )
    op.create_index(
        op.f('ix_alert_recipients_user_id'), 'alert_recipients', ['user_id'], unique=False
    )
    op.create_table(
        'alert_states',
        sa.Column('rule_id', sa.Uuid(), nullable=False),
        sa.Column('fingerprint', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('wake_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('slices', postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column('quiet_until', sa.DateTime(timezone=True), nullable=True),
        sa.Column('suppressed', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
        sa.Column('again', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('missing', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('line', postgresql.JSONB(), nullable=True),
        sa.Column('last_matched_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_sent_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ['rule_id'],
            ['alert_rules.id'],
            name=op.f('fk_alert_states_rule_id_alert_rules'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('rule_id', 'fingerprint', name=op.f('pk_alert_states')),
    )
    op.create_index(op.f('ix_alert_states_wake_at'), 'alert_states', ['wake_at'], unique=False)
    op.create_table(
        'alert_batches',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column(
            'counted_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_batches')),
    )
    op.create_index(
        op.f('ix_alert_batches_counted_at'), 'alert_batches', ['counted_at'], unique=False
    )


def downgrade() -> None:
    for table in ('alert_batches', 'alert_states', 'alert_recipients', 'alert_rules'):
        op.drop_table(table)
