"""log years

Revision ID: 5d0c1f7e92ab
Revises: 1487957ecd50
"""

from alembic import op

revision = '5d0c1f7e92ab'
down_revision = '1487957ecd50'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE log_records ADD CONSTRAINT ck_log_records_year"
        " CHECK (ts >= '0001-01-01 00:00+00' AND ts < '10000-01-01 00:00+00') NOT VALID"
    )
    # Nobody could read these: every search that met one failed.
    op.execute(
        "WITH moved AS (DELETE FROM log_records"
        " WHERE ts < '0001-01-01 00:00+00' OR ts >= '10000-01-01 00:00+00' RETURNING *)"
        " INSERT INTO log_rejects (id, reason, payload)"
        " SELECT gen_random_uuid(), 'ts: must be in the years 1 to 9999, in UTC',"
        " convert_to(to_json(moved)::text, 'UTF8') FROM moved"
    )
    op.execute("ALTER TABLE log_records VALIDATE CONSTRAINT ck_log_records_year")


def downgrade() -> None:
    op.drop_constraint('ck_log_records_year', 'log_records')
