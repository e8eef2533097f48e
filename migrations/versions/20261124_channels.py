"""channels

Revision ID: 83c0b7d45e19
Revises: 5d0c1f7e92ab
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '83c0b7d45e19'
down_revision = '5d0c1f7e92ab'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('deliveries', sa.Column('held_until', sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        'ix_deliveries_held',
        'deliveries',
        ['channel', 'attempt_at'],
        postgresql_where=sa.text("status IN ('pending', 'sending') AND held_until IS NOT NULL"),
    )
    op.create_table(
        'notification_preferences',
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('channels', postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column('quiet_from', sa.Time(), nullable=True),
        sa.Column('quiet_to', sa.Time(), nullable=True),
        sa.Column('digest_minutes', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
        sa.Column('muted_until', sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            '(quiet_from IS NULL) = (quiet_to IS NULL)',
            name=op.f('ck_notification_preferences_quiet_hours'),
        ),
        sa.CheckConstraint(
            'digest_minutes BETWEEN 0 AND 1440',
            name=op.f('ck_notification_preferences_digest_minutes'),
        ),
        sa.ForeignKeyConstraint(
            ['user_id'],
            ['users.id'],
            name=op.f('fk_notification_preferences_user_id_users'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('user_id', name=op.f('pk_notification_preferences')),
    )
    op.create_table(
        'leases',
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('holder', sa.Uuid(), nullable=False),
        sa.Column('fence', sa.BigInteger(), nullable=False),
        sa.Column('until', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_leases')),
    )
    op.create_table(
        'metrics',
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('labels', sa.String(), nullable=False),
        sa.Column('value', sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint('name', 'labels', name=op.f('pk_metrics')),
    )
    op.create_table(
        'telegram_bots',
        sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('username', sa.String(), nullable=False),
        sa.Column('next_update', sa.BigInteger(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_telegram_bots')),
    )
    op.create_table(
        'telegram_chats',
        sa.Column('chat_id', sa.String(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column(
            'linked_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ['user_id'],
            ['users.id'],
            name=op.f('fk_telegram_chats_user_id_users'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('chat_id', name=op.f('pk_telegram_chats')),
        sa.UniqueConstraint('user_id', name=op.f('uq_telegram_chats_user_id')),
    )
    op.create_table(
        'telegram_codes',
        sa.Column('code_hash', sa.LargeBinary(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ['user_id'],
            ['users.id'],
            name=op.f('fk_telegram_codes_user_id_users'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('code_hash', name=op.f('pk_telegram_codes')),
        sa.UniqueConstraint('user_id', name=op.f('uq_telegram_codes_user_id')),
    )
    op.create_index(
        op.f('ix_telegram_codes_expires_at'), 'telegram_codes', ['expires_at'], unique=False
    )


def downgrade() -> None:
    for table in (
        'telegram_codes',
        'telegram_chats',
        'telegram_bots',
        'metrics',
        'leases',
        'notification_preferences',
    ):
        op.drop_table(table)
    op.drop_index('ix_deliveries_held', 'deliveries')
    op.drop_column('deliveries', 'held_until')
