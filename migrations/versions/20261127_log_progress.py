"""until when log records were looked at

Revision ID: 1dea0fa5c0de
Revises: a1e7f00d5c21
"""

import sqlalchemy as sa
from alembic import op

revision = '1dea0fa5c0de'
down_revision = 'a1e7f00d5c21'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'log_progress',
        sa.Column('id', sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column('done_until', sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('id = 1', name=op.f('ck_log_progress_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_log_progress')),
    )


def downgrade() -> None:
    op.drop_table('log_progress')
