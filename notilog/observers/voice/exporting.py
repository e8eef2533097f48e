"""Actions and sessions of an observer as CSV, piece by piece."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Literal
from uuid import UUID

from notilog.db.session import reading
from notilog.observers.voice import history
from notilog.observers.voice.csv_lines import Cell, lines
from notilog.observers.voice.history import Filters, Found, Named
from notilog.observers.voice.stays import unpacked

AT_ONCE: Final = 1_000

Kind = Literal["actions", "sessions"]

_SESSION: Final = (
    *("id", "guild_id", "channel_id", "member_id", "session_id", "started_at", "ended_at"),
    *("last_seen_at", "start_estimated", "end_estimated", "end_reason"),
)
_ACTION: Final = ("id", "guild_id", "member_id", "at", "kind", "is_estimated")
_COLUMNS: Final[dict[Kind, tuple[str, ...]]] = {
    "sessions": (*_SESSION, "guild_name", "channel_name", "member_name"),
    "actions": (
        *(*_ACTION, "before_channel_id", "before_flags", "after_channel_id", "after_flags"),
        *("guild_name", "before_channel_name", "after_channel_name", "member_name"),
    ),
}


async def export(observer_id: UUID, *, kind: Kind, filters: Filters) -> AsyncIterator[str]:
    """The pieces of the file, beginning with the names of its columns.

    The first is made at once, so that a refusal comes before any answer.

    Raises:
        NotFound: there is no such observer.
        Invalid: it takes too long.
    """
    ask = partial(_page, kind, observer_id, filters)
    return _pieces(kind, await ask(None), ask)


async def _pieces(
    kind: Kind, found: Found, ask: Callable[[str | None], Awaitable[Found]]
) -> AsyncIterator[str]:
    yield lines([_COLUMNS[kind]])
    while True:
        yield lines(_row(kind, named) for named in found.items)
        if found.next is None:
            return
        found = await ask(found.next)


async def _page(kind: Kind, observer_id: UUID, filters: Filters, cursor: str | None) -> Found:
    """No transaction stays open while a slow reader takes the page before."""
    pages = history.actions if kind == "actions" else history.sessions
    async with reading() as tx:
        return await pages(tx, observer_id, filters=filters, limit=AT_ONCE, cursor=cursor)


def _row(kind: Kind, named: Named) -> Sequence[Cell]:
    row = named.row
    if kind == "sessions":
        values = (getattr(row, name) for name in _SESSION)
        return (*map(_cell, values), named.guild_name, named.channel_name, named.member_name)
    return (
        *(_cell(getattr(row, name)) for name in _ACTION),
        *(row.before_channel_id, _flags(row.before_flags)),
        *(row.after_channel_id, _flags(row.after_flags)),
        *(named.guild_name, named.before_channel_name, named.channel_name, named.member_name),
    )


def _cell(value: object) -> Cell:
    return str(value) if isinstance(value, UUID) else value  # type: ignore[return-value]  # columns


def _flags(bits: int | None) -> str | None:
    return None if bits is None else " ".join(sorted(unpacked(bits)))
