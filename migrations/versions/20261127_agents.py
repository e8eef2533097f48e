"""agents

Revision ID: a9e17f00d001
Revises: 51695afe0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = 'a9e17f00d001'
down_revision = '51695afe0001'
branch_labels = None
depends_on = None

NOW = sa.text('now()')
NOTHING = sa.text("'{}'")
NONE = sa.text("'[]'")
STATES = "('new', 'online', 'late', 'offline')"


def _json(name: str, *, empty: sa.TextClause | None, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(
        name,
        postgresql.JSONB(astext_type=sa.Text()),
        server_default=empty,
        nullable=nullable,
    )


def upgrade() -> None:
    op.create_table(
        'agents',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('owner', sa.Uuid(), nullable=True),
        sa.Column('tell', sa.ARRAY(sa.String()), server_default=NOTHING, nullable=False),
        sa.Column('token_id', sa.Uuid(), nullable=True),
        _json('settings', empty=None),
        sa.Column('settings_version', sa.Integer(), server_default=sa.text('1'), nullable=False),
        sa.Column('applied_version', sa.Integer(), nullable=True),
        sa.Column('refused_version', sa.Integer(), nullable=True),
        _json('refusal', empty=None, nullable=True),
        sa.Column('hostname', sa.String(), nullable=False),
        sa.Column('program', sa.String(), nullable=False),
        sa.Column('system', sa.String(), nullable=False),
        sa.Column('python', sa.String(), nullable=False),
        sa.Column('state', sa.String(), server_default=sa.text("'new'"), nullable=False),
        sa.Column('state_since', sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column('told_state', sa.String(), server_default=sa.text("'new'"), nullable=False),
        _json('told_checks', empty=NOTHING),
        sa.Column('heartbeat_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('connection_id', sa.Uuid(), nullable=True),
        sa.Column('connected_node', sa.String(), nullable=True),
        _json('metrics', empty=NOTHING),
        _json('checks', empty=NONE),
        _json('spool', empty=NOTHING),
        _json('files', empty=NONE),
        sa.Column('version', sa.Integer(), server_default=sa.text('1'), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.CheckConstraint(f'state IN {STATES}', name=op.f('ck_agents_state')),
        sa.CheckConstraint(f'told_state IN {STATES}', name=op.f('ck_agents_told_state')),
        sa.ForeignKeyConstraint(
            ['owner'], ['users.id'], name=op.f('fk_agents_owner_users'), ondelete='SET NULL'
        ),
        sa.ForeignKeyConstraint(
            ['token_id'],
            ['api_tokens.id'],
            name=op.f('fk_agents_token_id_api_tokens'),
            ondelete='SET NULL',
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_agents')),
        sa.UniqueConstraint('token_id', name=op.f('uq_agents_token_id')),
    )
    _create_history()
    _create_enrolments()


def _create_history() -> None:
    op.create_table(
        'agent_history',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('agent_id', sa.Uuid(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('what', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('before', sa.String(), nullable=True),
        sa.Column('after', sa.String(), nullable=False),
        sa.CheckConstraint(
            "what IN ('state', 'check', 'version')", name=op.f('ck_agent_history_what')
        ),
        sa.ForeignKeyConstraint(
            ['agent_id'],
            ['agents.id'],
            name=op.f('fk_agent_history_agent_id_agents'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_agent_history')),
    )
    op.create_index(op.f('ix_agent_history_agent_id_id'), 'agent_history', ['agent_id', 'id'])
    op.create_index(op.f('ix_agent_history_at'), 'agent_history', ['at'])


def _create_enrolments() -> None:
    op.create_table(
        'agent_enrolments',
        sa.Column('code_hash', sa.LargeBinary(), nullable=False),
        sa.Column('made_by', sa.Uuid(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ['made_by'],
            ['users.id'],
            name=op.f('fk_agent_enrolments_made_by_users'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('code_hash', name=op.f('pk_agent_enrolments')),
    )
    for column in ('made_by', 'expires_at'):
        op.create_index(op.f(f'ix_agent_enrolments_{column}'), 'agent_enrolments', [column])


def downgrade() -> None:
    for table in ('agent_enrolments', 'agent_history', 'agents'):
        op.drop_table(table)
