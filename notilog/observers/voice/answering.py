"""Questions about what was recorded: of which observer, and within which time."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.errors import InvalidParameterValue
from sqlalchemy import Executable, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.db import questions
from notilog.errors import Invalid, NotFound
from notilog.observers.tables import ObserverRow
from notilog.observers.voice.settings import VoiceSettings


async def check_observer(tx: AsyncSession, observer_id: UUID) -> None:
    """See that there is such an observer.

    Raises:
        NotFound: there is none.
    """
    if await tx.scalar(select(ObserverRow.id).where(ObserverRow.id == observer_id)) is None:
        raise NotFound(f"no observer {observer_id}")


async def answer(
    tx: AsyncSession, statement: Executable, values: dict[str, Any] | None = None
) -> Sequence[Any]:
    """The rows of a statement.

    Raises:
        Invalid: it took so long that the question should be narrowed, or the database knows no
            such zone.
    """
    try:
        return await questions.within_time(
            tx,
            statement,
            values,
            seconds=config.section(VoiceSettings).stats_timeout,
            narrow="guild or by from and to",
        )
    except DBAPIError as error:
        if isinstance(error.orig, InvalidParameterValue):  # Python knows zones that it does not
            raise Invalid.field("timezone", "the database does not know it") from error
        raise
