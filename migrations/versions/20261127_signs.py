"""signs of life

Revision ID: 51695afe0001
Revises: b0cad0a5d0ce
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '51695afe0001'
down_revision = 'b0cad0a5d0ce'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'signs',
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_signs')),
    )


def downgrade() -> None:
    op.drop_table('signs')
