"""SQL by hand: one query, which PostgreSQL itself keeps from writing, with limits.

What keeps it from writing is a READ ONLY transaction that is never committed: after its first query
nothing can make it a writing one, functions neither. What keeps it to one query is that it is
declared as a cursor by the extended protocol, which takes one statement, and only a query.

What it may read: whoever can run this has the database's password in the settings, so nothing
could be hidden from them. Against accidents, such as a query for the accounts pasted from
somewhere, a role of the name `READER` is taken on when there is one and the settings' user is a
member of it; docs/log-files.md shows how it is made.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.errors import QueryCanceled

from notilog.db.session import driver_connection, reading
from notilog.errors import Invalid

READER: Final = "notilog_log_reader"

_FIND_READER: Final = (
    b"SELECT count(*) FROM pg_roles WHERE rolname = %s AND pg_has_role(oid, 'MEMBER')"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The first rows of a query, as Python values; ``cut`` when there are more."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    cut: bool


async def ask(statement: str, *, limit: int, seconds: float) -> Answer:
    """Run a query on a replica, or on the primary when there is none.

    Raises:
        Invalid: PostgreSQL refuses it, or it takes longer than ``seconds``.
        Unavailable: the database does not answer.
    """
    try:
        async with reading() as tx, asyncio.timeout(seconds):
            return await _answer(await driver_connection(tx), statement, limit, seconds)
    except (QueryCanceled, TimeoutError) as error:
        raise Invalid.field("sql", f"took longer than {seconds:g} s") from error
    except psycopg.Error as error:
        raise Invalid.field("sql", error.diag.message_primary or str(error)) from error


async def _answer(
    connection: psycopg.AsyncConnection, statement: str, limit: int, seconds: float
) -> Answer:
    await connection.execute(b"SET TRANSACTION READ ONLY")
    milliseconds = str(int(seconds * 1000))
    await connection.execute(b"SELECT set_config('statement_timeout', %s, true)", [milliseconds])
    found = await (await connection.execute(_FIND_READER, [READER])).fetchone()
    if found and found[0]:
        await connection.execute(f"SET LOCAL ROLE {READER}".encode())
    async with connection.cursor(name="manual") as cursor:
        await cursor.execute(statement.encode())
        columns = tuple(column.name for column in cursor.description or ())
        rows = await cursor.fetchmany(limit + 1)
    return Answer(columns, rows[:limit], len(rows) > limit)
