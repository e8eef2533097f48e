"""projects of enrolments

Revision ID: e9801de70001
Revises: a9e17f00d001
"""

import sqlalchemy as sa
from alembic import op

revision = 'e9801de70001'
down_revision = 'a9e17f00d001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('agent_enrolments', sa.Column('project', sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column('agent_enrolments', 'project')
