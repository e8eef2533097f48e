"""`notilog tail`: the newest records, then each further one as soon as it is stored.

The stored ones come from the database, the others from the topic ``logs``. What both have, or what
comes twice, is shown once; after a moment without Redis the database fills the gap.
"""

import asyncio
import os
import select
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from redis.exceptions import RedisError
from rich.console import Console
from rich.text import Text

from notilog import clock
from notilog.config import Settings
from notilog.db.session import transaction
from notilog.errors import Invalid, Unavailable
from notilog.fallbacks import PREFIX
from notilog.logs import console
from notilog.logs.catching_up import OVERLAP
from notilog.logs.connectors import live
from notilog.logs.console import Formatter
from notilog.logs.filters import Filters
from notilog.logs.looks import ConsoleSettings
from notilog.logs.matching import Pattern, check, matches
from notilog.logs.search import search
from notilog.logs.stored import StoredRecord, record_of
from notilog.ops.database import database
from notilog.ops.terminal import err
from notilog.realtime import topics
from notilog.realtime.topics import Client, Place
from notilog.users.caller import Caller

STDOUT: Final = 1
LOOKS: Final = f"{PREFIX}LOGS__CONSOLE"
WAIT: Final = 1.0
PAUSE: Final = 0.5
PAGE: Final = 1000
LOOKED_AT: Final = 20_000
"""Most stored records that are looked at for those whose message has the pattern."""
REMEMBERED: Final = 20_000
"""Ids of shown records that are remembered, so that none is shown twice."""

OPERATOR: Final = Caller.of_operator()
"""Whoever can read the settings can read the database."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are shown and how."""

    filters: Filters
    pattern: Pattern | None
    last: int
    as_json: bool
    no_color: bool


class _ReaderGone(Exception):
    """Nobody reads our output any more."""


def tail(settings: Settings, wanted: Wanted) -> None:
    """Show records until Ctrl-C, or until nobody reads them any more.

    Raises:
        Invalid: a filter is not understood.
        Unavailable: the database or Redis does not answer at the start.
    """
    check(wanted.filters)
    try:
        asyncio.run(_run(settings, wanted))
    except (KeyboardInterrupt, BrokenPipeError, _ReaderGone):
        return


def attributes(pairs: Iterable[str]) -> dict[str, str]:
    """``KEY=VALUE`` of the command line.

    Raises:
        Invalid: one has no equals sign.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Invalid.field("attr", f"{pair!r} is not KEY=VALUE")
        found[name] = value
    return found


async def follow(settings: Settings, wanted: Wanted, *, output: int, notices: Console) -> None:
    """Show records on the file descriptor ``output``, with the database open, until cancelled.

    Raises:
        Unavailable: the database or Redis does not answer at the start.
    """
    for fallback in settings.fallbacks:
        if fallback.setting.startswith(LOOKS):
            notices.print(Text(str(fallback), style="yellow"), soft_wrap=True)
    client = topics.connect(settings.core.redis_url.get_secret_value())
    try:
        await _Tail(client, _Output(settings, wanted, output), wanted, notices).follow()
    finally:
        with suppress(RedisError, OSError):
            await client.aclose()


async def _run(settings: Settings, wanted: Wanted) -> None:
    async with database(settings):
        await follow(settings, wanted, output=STDOUT, notices=err)


class _Output:
    """A file descriptor, past Python's buffer."""

    def __init__(self, settings: Settings, wanted: Wanted, descriptor: int) -> None:
        self._descriptor = descriptor
        terminal = Console(no_color=True if wanted.no_color else None)
        looks = settings.section(ConsoleSettings)
        self._encoding = terminal.encoding
        self._formatter = Formatter(looks, colors=console.color_system(terminal))
        self._text = console.as_json if wanted.as_json else self._formatter.text
        self._gone = select.poll()
        self._gone.register(descriptor, 0)

    def write(self, records: Iterable[StoredRecord]) -> None:
        lines = "".join(f"{self._text(record)}\n" for record in records)
        rest = lines.encode(self._encoding, "backslashreplace")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def check(self) -> None:
        """End when the reader has gone, though there is nothing to write."""
        if self._gone.poll(0):
            raise _ReaderGone


class _Tail:
    def __init__(self, client: Client, output: _Output, wanted: Wanted, notices: Console) -> None:
        self._client = client
        self._output = output
        self._wanted = wanted
        self._notices = notices
        self._shown: OrderedDict[UUID, None] = OrderedDict()
        self._up_to: datetime | None = None
        """What was stored before this instant has been shown."""

    async def follow(self) -> None:
        away = False
        while True:
            try:
                place = await topics.start(self._client, live.TOPIC)
                await self._catch_up()
                away = False
                while True:
                    place = await self._go_on(place)
            except Unavailable as error:
                if self._up_to is None:
                    raise
                if not away:
                    self._say(f"{error}; waiting for it")
                away = True
            self._output.check()
            await asyncio.sleep(PAUSE)

    async def _catch_up(self) -> None:
        """Show what is stored and was not shown."""
        now = clock.now()
        filters, most = self._wanted.filters, self._wanted.last
        if self._up_to is not None:
            begin = self._up_to - OVERLAP
            since = max(begin, filters.since) if filters.since else begin
            filters, most = replace(filters, since=since), PAGE
        found = await _stored(filters, self._wanted.pattern, most)
        if self._up_to is not None and len(found) == most:
            self._say(f"more than {most} records came meanwhile; the newest follow")
        self._show(found)
        self._up_to = now

    async def _go_on(self, place: Place) -> Place:
        """Show what was published behind the place; returns the place behind that."""
        self._output.check()
        now = clock.now()
        news = await topics.read(self._client, live.TOPIC, place, wait=WAIT)
        if news.lost:
            await self._catch_up()
            return news.place
        for published in news.messages:
            self._show(self._wanted_of(live.records_of(published)))
        self._up_to = now
        return news.place

    def _wanted_of(self, records: Iterable[StoredRecord]) -> Iterator[StoredRecord]:
        filters, pattern = self._wanted.filters, self._wanted.pattern
        for record in records:
            if matches(filters, record) and (pattern is None or pattern.found_in(record.message)):
                yield record

    def _show(self, records: Iterable[StoredRecord]) -> None:
        fresh = [record for record in records if record.id not in self._shown]
        self._output.write(fresh)
        self._shown.update(dict.fromkeys(record.id for record in fresh))
        while len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)

    def _say(self, text: str) -> None:
        self._notices.print(Text(f"notilog: {text}", style="dim"), soft_wrap=True)


async def _stored(filters: Filters, pattern: Pattern | None, last: int) -> list[StoredRecord]:
    """The newest stored records that are wanted, the oldest of them first."""
    found: list[StoredRecord] = []
    cursor, looked_at = None, 0
    limit = PAGE if pattern else min(PAGE, last)
    while limit and len(found) < last and looked_at < LOOKED_AT:
        async with transaction() as tx:  # a replica may not have what was just committed
            page = await search(
                tx, OPERATOR, filters=filters, order="desc", limit=limit, cursor=cursor
            )
        looked_at += len(page.records)
        records = map(record_of, page.records)
        found += [one for one in records if pattern is None or pattern.found_in(one.message)]
        cursor = page.next
        if cursor is None:
            break
    return found[:last][::-1]
