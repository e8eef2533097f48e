"""voice

Revision ID: b0cad0a5d0ce
Revises: 0b5e57e50001
"""

import sqlalchemy as sa
from alembic import op

revision = 'b0cad0a5d0ce'
down_revision = '0b5e57e50001'
branch_labels = None
depends_on = None


def _of_observer(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ['observer_id'],
        ['observers.id'],
        name=op.f(f'fk_{table}_observer_id_observers'),
        ondelete='CASCADE',
    )


def upgrade() -> None:
    op.create_table(
        'voice_actions',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('observer_id', sa.Uuid(), nullable=False),
        sa.Column('guild_id', sa.BigInteger(), nullable=False),
        sa.Column('member_id', sa.BigInteger(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('before_channel_id', sa.BigInteger(), nullable=True),
        sa.Column('before_flags', sa.SmallInteger(), nullable=True),
        sa.Column('after_channel_id', sa.BigInteger(), nullable=True),
        sa.Column('after_flags', sa.SmallInteger(), nullable=True),
        sa.Column('is_estimated', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        _of_observer('voice_actions'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_voice_actions')),
    )
    op.create_index(
        op.f('ix_voice_actions_observer_id_at_id'),
        'voice_actions',
        ['observer_id', 'at', 'id'],
        unique=False,
    )
    op.create_index(
        op.f('ix_voice_actions_member_id_at'), 'voice_actions', ['member_id', 'at'], unique=False
    )
    op.create_table(
        'voice_sessions',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('observer_id', sa.Uuid(), nullable=False),
        sa.Column('guild_id', sa.BigInteger(), nullable=False),
        sa.Column('channel_id', sa.BigInteger(), nullable=False),
        sa.Column('member_id', sa.BigInteger(), nullable=False),
        sa.Column('session_id', sa.String(), nullable=False),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('start_estimated', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('end_estimated', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('end_reason', sa.String(), nullable=True),
        sa.CheckConstraint('ended_at >= started_at', name=op.f('ck_voice_sessions_ended_at')),
        sa.CheckConstraint(
            '(ended_at IS NULL) = (end_reason IS NULL)', name=op.f('ck_voice_sessions_end_reason')
        ),
        _of_observer('voice_sessions'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_voice_sessions')),
    )
    op.create_index(
        'uq_voice_sessions_open',
        'voice_sessions',
        ['observer_id', 'guild_id', 'member_id'],
        unique=True,
        postgresql_where=sa.text('ended_at IS NULL'),
    )
    for columns in (
        ['observer_id', 'started_at', 'id'],
        ['observer_id', 'ended_at'],
        ['member_id', 'started_at'],
        ['channel_id', 'started_at'],
    ):
        op.create_index(
            op.f(f'ix_voice_sessions_{"_".join(columns)}'), 'voice_sessions', columns, unique=False
        )
    op.create_table(
        'voice_intervals',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('voice_session_id', sa.Uuid(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint('ended_at >= started_at', name=op.f('ck_voice_intervals_ended_at')),
        sa.ForeignKeyConstraint(
            ['voice_session_id'],
            ['voice_sessions.id'],
            name=op.f('fk_voice_intervals_voice_session_id_voice_sessions'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_voice_intervals')),
    )
    op.create_index(
        op.f('ix_voice_intervals_voice_session_id'),
        'voice_intervals',
        ['voice_session_id'],
        unique=False,
    )
    _create_names()


def _create_names() -> None:
    op.create_table(
        'voice_guilds',
        sa.Column('observer_id', sa.Uuid(), nullable=False),
        sa.Column('guild_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('afk_channel_id', sa.BigInteger(), nullable=True),
        sa.Column('left_at', sa.DateTime(timezone=True), nullable=True),
        _of_observer('voice_guilds'),
        sa.PrimaryKeyConstraint('observer_id', 'guild_id', name=op.f('pk_voice_guilds')),
    )
    op.create_table(
        'voice_channels',
        sa.Column('observer_id', sa.Uuid(), nullable=False),
        sa.Column('channel_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('guild_id', sa.BigInteger(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('is_afk', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
        _of_observer('voice_channels'),
        sa.PrimaryKeyConstraint('observer_id', 'channel_id', name=op.f('pk_voice_channels')),
    )
    op.create_index(
        op.f('ix_voice_channels_observer_id_guild_id'),
        'voice_channels',
        ['observer_id', 'guild_id'],
        unique=False,
    )
    op.create_table(
        'voice_members',
        sa.Column('observer_id', sa.Uuid(), nullable=False),
        sa.Column('member_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('guild_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('display_name', sa.String(), nullable=False),
        sa.Column('is_bot', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
        _of_observer('voice_members'),
        sa.PrimaryKeyConstraint(
            'observer_id', 'member_id', 'guild_id', name=op.f('pk_voice_members')
        ),
    )
    op.create_index(
        op.f('ix_voice_members_member_id'), 'voice_members', ['member_id'], unique=False
    )
    op.create_table(
        'voice_opt_outs',
        sa.Column('member_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            'since', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False
        ),
        sa.PrimaryKeyConstraint('member_id', name=op.f('pk_voice_opt_outs')),
    )


def downgrade() -> None:
    for table in (
        'voice_opt_outs',
        'voice_members',
        'voice_channels',
        'voice_guilds',
        'voice_intervals',
        'voice_sessions',
        'voice_actions',
    ):
        op.drop_table(table)
