"""Alembic's environment: one connection, one migrating process at a time, bounded waits."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from migrations.tables import metadata

LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "15min"
# Two nodes that start together must not both migrate; the number only has to be ours.
MIGRATION_LOCK = 0x6E6F74696C6F67


def _is_declared(name: str | None, kind: str, _: Any) -> bool:
    """Partitions come and go by themselves; see `notilog.logs.partitions`."""
    return kind != "table" or not (name or "").startswith("log_records_")


def run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        include_name=_is_declared,
        transaction_per_migration=True,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


attributes: dict[str, Any] = context.config.attributes
run(attributes["connection"])
