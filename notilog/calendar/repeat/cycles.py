"""Series whose dates come round and round in the same steps. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate, cycle, islice, pairwise
from operator import add

from notilog.calendar.repeat.local_times import Reach

_BEYOND = 500_000


class Cycle:
    """The dates so many days after the beginning of each round, and all rounds are equally long.

    Args:
        reach: the dates of the series lie within.
        origin: the beginning of the first round.
        length: the days of a round.
        days: rising, from 0 to less than the length.
    """

    def __init__(self, reach: Reach, *, origin: date, length: int, days: Sequence[int]) -> None:
        self._reach = reach
        self._origin = origin.toordinal()
        self._length = length
        self._days = days

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        from_day, to_day = self._reach.days(first, last)
        before = self._before(from_day.toordinal())
        count = self._before(to_day.toordinal() + 1) - before
        if count <= 0:
            return iter(())
        rounds, passed = divmod(before, len(self._days))
        day = date.fromordinal(self._origin + rounds * self._length + self._days[passed])
        steps = self._steps()
        turned = cycle(steps[passed:] + steps[:passed])
        begin = datetime.combine(day, self._reach.clock)
        return islice(accumulate(turned, add, initial=begin), count)

    def most_between(self, first: datetime, last: datetime) -> int:
        from_day, to_day = self._reach.days(first, last)
        return max(0, self._before(to_day.toordinal() + 1) - self._before(from_day.toordinal()))

    def _before(self, day: int) -> int:
        """How many dates there are before that day."""
        rounds, passed = divmod(day - self._origin, self._length)
        return rounds * len(self._days) + bisect_left(self._days, passed)

    def _steps(self) -> list[timedelta]:
        """From each date of a round to the next; a step beyond all reach is as good as a longer."""
        days = self._days
        steps = [to - from_ for from_, to in pairwise(days)]
        steps.append(days[0] + self._length - days[-1])
        return [timedelta(min(step, _BEYOND)) for step in steps]
