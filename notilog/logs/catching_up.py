"""Stored records for somebody who followed them, was away, and goes on where they left off."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from notilog.db.session import transaction
from notilog.errors import Unavailable
from notilog.logs.filters import Filters
from notilog.logs.matching import Pattern
from notilog.logs.search import search
from notilog.logs.stored import StoredRecord, record_of
from notilog.users.caller import Caller

OVERLAP: Final = timedelta(minutes=1)
"""How much older than the moment of leaving the time of a record may be that came after it."""
LONGEST: Final = timedelta(days=1)
"""How long somebody may have been away."""
MOST_LOOKED_AT: Final = 100_000
"""Records that are looked at for somebody, wanted or not."""
PAGE: Final = 500
AT_ONCE: Final = 4
"""People for whom the database is asked at the same time, by one process."""

_turns: Final[WeakValueDictionary[UUID, asyncio.Lock]] = WeakValueDictionary()


def is_recent(since: datetime, now: datetime) -> bool:
    """Whether somebody who left then is told what is stored."""
    return now - LONGEST <= since <= now + OVERLAP


async def stored_since(
    caller: Caller, filters: Filters, pattern: Pattern | None, *, since: datetime, until: datetime
) -> AsyncIterator[list[StoredRecord]]:
    """What came between two instants, the oldest first, in parts.

    What came within a minute before is among it, since the time of a record is not when it came;
    so is nothing that came with an older time.

    Raises:
        Invalid: the search takes too long.
        Unavailable: the database does not answer, or there is more than is looked at.
    """
    asked = replace(filters, since=since - OVERLAP, until=until + OVERLAP)
    loop = asyncio.get_running_loop()
    cursor: str | None = None
    for _ in range(MOST_LOOKED_AT // PAGE):
        # A replica may not have what was just committed.
        async with _turn(caller.user_id), _gate(loop), transaction() as tx:
            page = await search(tx, caller, filters=asked, order="asc", limit=PAGE, cursor=cursor)
        records = map(record_of, page.records)
        found = [one for one in records if pattern is None or pattern.found_in(one.message)]
        if found:
            yield found
        cursor = page.next
        if cursor is None:
            return
    raise Unavailable(f"more than {MOST_LOOKED_AT} records came meanwhile")


def _turn(user_id: UUID) -> asyncio.Lock:
    """One page at a time for one person, however many sockets they have."""
    return _turns.setdefault(user_id, asyncio.Lock())


@cache
def _gate(_loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    return asyncio.Semaphore(AT_ONCE)
