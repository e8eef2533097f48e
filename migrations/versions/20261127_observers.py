"""observers

Revision ID: 0b5e57e50001
Revises: a1e7f00d5c21
"""

import sqlalchemy as sa
from alembic import op

revision = '0b5e57e50001'
down_revision = 'a1e7f00d5c21'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'observers',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_observers')),
    )


def downgrade() -> None:
    op.drop_table('observers')
