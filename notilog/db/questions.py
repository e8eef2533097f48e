"""Questions that may take long, and then fail with advice rather than take the server with them."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

from psycopg.errors import QueryCanceled
from sqlalchemy import Executable, Row, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.errors import Invalid

_DEADLINE: Final = "deadline"


async def within_time(
    tx: AsyncSession,
    statement: Executable,
    values: Mapping[str, Any] | None = None,
    *,
    seconds: float,
    narrow: str,
) -> Sequence[Row[Any]]:
    """The rows of a statement; all those of one transaction share the seconds.

    Args:
        tx: the transaction.
        statement: the question.
        values: of its parameters.
        seconds: that all questions of the transaction may take.
        narrow: what to narrow it by when it takes longer.

    Raises:
        Invalid: it took so long that it should be narrowed.
    """
    advice = f"took longer than {seconds:g} s; narrow it by {narrow}"
    left = tx.info.setdefault(_DEADLINE, monotonic() + seconds) - monotonic()
    if left <= 0:
        raise Invalid.field("query", advice)
    milliseconds = str(max(1, int(left * 1000)))
    # A plan for any values cannot know that an index of a span of time serves these.
    plans = func.set_config("plan_cache_mode", "force_custom_plan", True)
    await tx.execute(select(func.set_config("statement_timeout", milliseconds, True), plans))
    try:
        return (await tx.execute(statement, values)).all()
    except DBAPIError as error:
        if isinstance(error.orig, QueryCanceled):
            raise Invalid.field("query", advice) from error
        raise
