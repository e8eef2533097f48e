"""``/today`` and ``/week``: what the person's days hold, in their own zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.bot.asked import Asked, caller_of
from notilog.bot.texts import cut, shortened
from notilog.bot.words import Words
from notilog.calendar import agenda
from notilog.calendar.agenda import Item
from notilog.calendar.intervals import Interval
from notilog.calendar.wall_clock import instant_at
from notilog.errors import Invalid
from notilog.users.tables import UserRow

ONE_DAY = timedelta(days=1)
DAYS_OF_A_WEEK = 7
MOST_ITEMS = 1000
NAME_LENGTH = 100


async def today(tx: AsyncSession, asked: Asked, person: UserRow) -> str:
    return await _told(tx, asked, person, days=1)


async def week(tx: AsyncSession, asked: Asked, person: UserRow) -> str:
    """Today and the six days that follow it."""
    return await _told(tx, asked, person, days=DAYS_OF_A_WEEK)


async def _told(tx: AsyncSession, asked: Asked, person: UserRow, *, days: int) -> str:
    zone = ZoneInfo(person.timezone)
    first = asked.now.astimezone(zone).date()
    # All-day events are of the days of their own zone, which may be up to a day apart from ours.
    window = Interval(
        instant_at(first - ONE_DAY, time(), zone),
        instant_at(first + (days + 1) * ONE_DAY, time(), zone),
    )
    try:
        items, rest = await agenda.listing(
            tx, caller_of(person), logins=(), window=window, limit=MOST_ITEMS
        )
    except Invalid:  # far too many occurrences
        return asked.words.too_many
    if rest is not None:
        return asked.words.too_many
    shown = [first + number * ONE_DAY for number in range(days)]
    return listed(items, shown, zone=zone, words=asked.words)


def listed(items: Sequence[Item], days: Sequence[date], *, zone: ZoneInfo, words: Words) -> str:
    """These days with what each holds; an occurrence of several days stands at each of them."""
    found = [_Shown.of(item, zone) for item in items]
    lines: list[str] = []
    for day in days:
        of_day = [one.line(day, words) for one in found if one.first <= day <= one.last]
        lines += ["", f"{words.day(day)}:", *(of_day or [f"  {words.nothing}"])]
    return cut(lines[1:], more=words.more)


@dataclass(frozen=True, slots=True)
class _Shown:
    """An occurrence on the reader's clock, or on that of its own zone when it lasts all day."""

    item: Item
    start: datetime
    end: datetime

    @classmethod
    def of(cls, item: Item, reader: ZoneInfo) -> "_Shown":
        zone = ZoneInfo(item.timezone) if item.all_day else reader
        return cls(item, item.start_time.astimezone(zone), item.end_time.astimezone(zone))

    @property
    def first(self) -> date:
        return self.start.date()

    @property
    def last(self) -> date:
        """Half-open: what ends at midnight takes nothing of the day that begins."""
        ends_at_midnight = self.end.time() == time() and self.end.date() > self.first
        return self.end.date() - ONE_DAY if ends_at_midnight else self.end.date()

    def line(self, day: date, words: Words) -> str:
        name = shortened(self.item.name or words.unnamed, NAME_LENGTH)
        return f"  {self._hours(day, words)} {name}"

    def _hours(self, day: date, words: Words) -> str:
        goes_on = self.last > day
        if self.item.all_day or (self.first < day and goes_on):
            return words.all_day
        start = "" if self.first < day else f"{self.start:%H:%M}"
        if self.start == self.end:
            return start
        return f"{start}–{'' if goes_on else f'{self.end:%H:%M}'}"
