"""Cursors of lists: opaque to whoever pages, and told from what no list ever gave out."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from struct import Struct
from struct import error as Damaged  # noqa: N812  the class is called "error"
from typing import Final
from uuid import UUID

from notilog.errors import Invalid

_POSITION: Final = Struct("!q16s")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def behind(at: datetime, key: UUID) -> str:
    """The cursor behind a row, in a list by instant and id."""
    return urlsafe_b64encode(_POSITION.pack((at - _EPOCH) // _MICROSECOND, key.bytes)).decode()


def place(cursor: str) -> tuple[datetime, UUID]:
    """The instant and the id that a cursor stands behind.

    Raises:
        Invalid: no such list gave it out.
    """
    try:
        microseconds, key = _POSITION.unpack(urlsafe_b64decode(cursor))
        return _EPOCH + microseconds * _MICROSECOND, UUID(bytes=key)
    except (ValueError, OverflowError, Damaged) as error:
        raise _unknown() from error


def key(cursor: str) -> UUID:
    """The id that a cursor stands behind, in a list by id.

    Raises:
        Invalid: no such list gave it out.
    """
    try:
        return UUID(cursor)
    except ValueError:
        raise _unknown() from None


def _unknown() -> Invalid:
    return Invalid.field("cursor", "is not a cursor given out by this list")
