"""incidents

Revision ID: 14c1de0700e5
Revises: e9801de70001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '14c1de0700e5'
down_revision = 'e9801de70001'
branch_labels = None
depends_on = None

UNRESOLVED = sa.text("state <> 'resolved'")
HAPPENINGS = "('opened', 'again', 'told', 'acknowledged', 'silenced', 'resolved')"


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _person(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], ['users.id'], name=op.f(f'fk_{table}_{column}_users'), ondelete='SET NULL'
    )


def _of_incident(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ['incident_id'],
        ['incidents.id'],
        name=op.f(f'fk_{table}_incident_id_incidents'),
        ondelete='CASCADE',
    )


def upgrade() -> None:
    op.create_table(
        'incidents',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('source', sa.String(), nullable=False),
        sa.Column('project', sa.String(), nullable=True),
        sa.Column('title', sa.String(), nullable=False),
        sa.Column('severity', sa.String(), nullable=False),
        sa.Column('state', sa.String(), server_default=sa.text("'open'"), nullable=False),
        sa.Column('about', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column('count', sa.Integer(), server_default=sa.text('1'), nullable=False),
        sa.Column('step', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
        _instant('next_at'),
        _instant('ends_at'),
        _instant('opened_at', nullable=False),
        _instant('last_at', nullable=False),
        _instant('silenced_until'),
        _instant('acknowledged_at'),
        sa.Column('acknowledged_by', sa.Uuid(), nullable=True),
        _instant('resolved_at'),
        sa.Column('resolved_by', sa.Uuid(), nullable=True),
        _instant('reopens_until'),
        sa.Column('over_step', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
        sa.CheckConstraint(
            "severity IN ('info', 'warning', 'critical')", name=op.f('ck_incidents_severity')
        ),
        sa.CheckConstraint(
            "state IN ('open', 'acknowledged', 'resolved')", name=op.f('ck_incidents_state')
        ),
        _person('incidents', 'acknowledged_by'),
        _person('incidents', 'resolved_by'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_incidents')),
    )
    _create_indexes()
    op.create_table(
        'incident_recipients',
        sa.Column('incident_id', sa.Uuid(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('channel', sa.String(), nullable=True),
        _of_incident('incident_recipients'),
        sa.ForeignKeyConstraint(
            ['user_id'],
            ['users.id'],
            name=op.f('fk_incident_recipients_user_id_users'),
            ondelete='CASCADE',
        ),
        sa.PrimaryKeyConstraint('incident_id', 'user_id', name=op.f('pk_incident_recipients')),
    )
    op.create_index(op.f('ix_incident_recipients_user_id'), 'incident_recipients', ['user_id'])
    op.create_table(
        'incident_history',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('incident_id', sa.Uuid(), nullable=False),
        _instant('at', nullable=False),
        sa.Column('what', sa.String(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=True),
        sa.Column('step', sa.SmallInteger(), nullable=True),
        _instant('until'),
        sa.CheckConstraint(f'what IN {HAPPENINGS}', name=op.f('ck_incident_history_what')),
        _of_incident('incident_history'),
        _person('incident_history', 'user_id'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_incident_history')),
    )
    op.create_index(
        op.f('ix_incident_history_incident_id_id'), 'incident_history', ['incident_id', 'id']
    )
    op.create_index(
        'ix_incident_history_user_id',
        'incident_history',
        ['user_id'],
        postgresql_where=sa.text('user_id IS NOT NULL'),
    )
    op.add_column(
        'alert_rules',
        sa.Column('incident', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    )


def _create_indexes() -> None:
    op.create_index(
        'uq_incidents_unresolved', 'incidents', ['key'], unique=True, postgresql_where=UNRESOLVED
    )
    for name, column, where in (
        ('reopens', 'key', "state <> 'resolved' OR reopens_until IS NOT NULL"),
        ('unresolved_id', 'id', "state <> 'resolved'"),
        ('acknowledged_by', 'acknowledged_by', 'acknowledged_by IS NOT NULL'),
        ('resolved_by', 'resolved_by', 'resolved_by IS NOT NULL'),
        ('silenced', 'key', 'silenced_until IS NOT NULL'),
        ('next_at', 'next_at', "state = 'open'"),
        ('ends_at', 'ends_at', "state <> 'resolved'"),
        ('resolved_at', 'resolved_at', "state = 'resolved'"),
    ):
        op.create_index(
            f'ix_incidents_{name}', 'incidents', [column], postgresql_where=sa.text(where)
        )


def downgrade() -> None:
    op.drop_column('alert_rules', 'incident')
    for table in ('incident_history', 'incident_recipients', 'incidents'):
        op.drop_table(table)
