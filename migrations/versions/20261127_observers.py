"""observers

Revision ID: 0b5e57e50001
Revises: 1dea0fa5c0de
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0b5e57e50001'
down_revision = '1dea0fa5c0de'
branch_labels = None
depends_on = None

NOW = sa.text('now()')


def upgrade() -> None:
    op.create_table(
        'observers',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('env', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=True),
        sa.Column('owner', sa.Uuid(), nullable=True),
        sa.Column('desired', sa.String(), server_default=sa.text("'running'"), nullable=False),
        sa.Column('state', sa.String(), server_default=sa.text("'starting'"), nullable=False),
        sa.Column('state_since', sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.Column('turn', sa.Integer(), server_default=sa.text('1'), nullable=False),
        sa.Column('running_turn', sa.Integer(), nullable=True),
        sa.Column('task_id', sa.String(), nullable=True),
        sa.Column('worker', sa.String(), nullable=True),
        sa.Column('heartbeat_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('last_error', sa.String(), nullable=True),
        sa.Column('restarts', sa.Integer(), server_default=sa.text('0'), nullable=False),
        sa.Column('failures', sa.Integer(), server_default=sa.text('0'), nullable=False),
        sa.Column('asked_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('retry_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint(
            "desired IN ('running', 'stopped')", name=op.f('ck_observers_desired')
        ),
        sa.CheckConstraint(
            "state IN ('starting', 'running', 'reconnecting', 'failed', 'stopped')",
            name=op.f('ck_observers_state'),
        ),
        sa.ForeignKeyConstraint(
            ['owner'], ['users.id'], name=op.f('fk_observers_owner_users'), ondelete='SET NULL'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_observers')),
    )
    op.create_index(
        'ix_observers_desired',
        'observers',
        ['desired'],
        postgresql_where=sa.text("desired = 'running'"),
    )


def downgrade() -> None:
    op.drop_table('observers')
