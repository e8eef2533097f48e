"""How much room is left for records, and which of them are taken while there is little.

A full disk stops PostgreSQL, and everything with it. Before that, records of low levels are
refused, then all but errors, then whatever comes over HTTP; what was accepted is always stored.
"""

import asyncio
import shutil
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import text

from notilog import config
from notilog.db.session import asking
from notilog.errors import Unavailable
from notilog.logs import levels
from notilog.logs.limits import GIB, MIB, LogsSettings

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 10.0
EVERYTHING: Final = 0
NOTHING: Final = levels.HIGHEST_NUMBER + 1
ERRORS: Final = levels.NUMBERS["error"]
_STAGES: Final = ((4, NOTHING), (2, ERRORS), (1, levels.NUMBERS["warning"]))
"""By what part of the limit is left, the lowest level that is taken then."""
_SIZE: Final = text("SELECT pg_database_size(current_database())")


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that are left, None when no setting says where to look; the lowest level taken."""

    free: int | None = None
    floor: int = EVERYTHING

    @property
    def taken(self) -> str:
        """Which records are taken, in words."""
        if self.floor == EVERYTHING:
            return "everything"
        return "nothing" if self.floor == NOTHING else f"{levels.NAMES[self.floor]} and above"


_room = Room()


def current() -> Room:
    """What was found when this process looked last."""
    return _room


def lowest_taken() -> int:
    """The lowest level that is taken, unless there is hardly any room.

    Raises:
        Unavailable: whoever sends must keep them until there is more.
    """
    if _room.floor == NOTHING:
        raise Unavailable("the disk of the database is nearly full; nothing is taken for now")
    return _room.floor


async def keep_looking() -> None:
    """Look again and again, until cancelled."""
    while True:
        try:
            await look()
        except Exception:  # whatever it is, the next look may see
            log.warning("room_not_known", exc_info=True)
        await asyncio.sleep(LOOK_EVERY)


async def look() -> Room:
    """See how much room there is now.

    Raises:
        OSError, SQLAlchemyError, Unavailable: it cannot be seen; what was known stays.
    """
    global _room  # noqa: PLW0603  one disk of the database
    settings = config.section(LogsSettings)
    free = await _free(settings)
    found = Room(free, floor_of(free, limit=settings.low_disk_mib * MIB))
    if found.floor != _room.floor:
        log.warning("room_for_records", taken=found.taken, free_mib=(free or 0) // MIB)
    _room = found
    return found


def floor_of(free: int | None, *, limit: int) -> int:
    """The lowest level that is taken with so many bytes left; fewer than ``limit`` are few."""
    for part, floor in _STAGES:
        if free is not None and free * part < limit:
            return floor
    return EVERYTHING


async def _free(settings: LogsSettings) -> int | None:
    """The bytes left on the disk or for the database, whichever is less."""
    left: list[int] = []
    if settings.disk_folder is not None:
        left.append(shutil.disk_usage(settings.disk_folder).free)
    if settings.database_gib is not None:
        async with asking(primary=True) as tx:
            size: int = await tx.scalar(_SIZE) or 0
        left.append(max(0, int(settings.database_gib * GIB) - size))
    return min(left, default=None)
