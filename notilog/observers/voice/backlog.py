"""Events that wait to be recorded: in order, and within a bound. Pure.

Beyond the bound an event takes the place of an earlier one about the same member, guild or channel:
states are whole, so what is lost is what happened in between, never how it is now.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import replace
from itertools import islice

from notilog.observers.voice.events import Event, Torn, Voice, subject


class Backlog:
    """At most ``most`` events as they came, and about as many of those that came after them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._events: deque[Event] = deque()
        self._late: dict[Hashable, Event] = {}
        self.lost = 0
        """Events dropped so far."""

    def __len__(self) -> int:
        return len(self._events) + len(self._late)

    def put(self, event: Event) -> None:
        if not self._late and len(self._events) < self._most:
            self._events.append(event)
        else:
            self._merge(event)

    def first(self, count: int) -> list[Event]:
        """The first events, which stay until they are `done`."""
        if not self._events and self._late:
            self._events.extend(self._late.values())
            self._late = {}
        return list(islice(self._events, count))

    def done(self, count: int) -> None:
        """The first ``count`` events are recorded."""
        for _ in range(count):
            self._events.popleft()

    def clear(self) -> int:
        """Forget everything; says how many events that were."""
        count = len(self)
        self._events.clear()
        self._late = {}
        return count

    def _merge(self, event: Event) -> None:
        key = subject(event)
        earlier = self._late.pop(key, None)
        if earlier is not None:
            self.lost += 1
            if isinstance(event, Voice):
                event = replace(event, is_estimated=True)
        elif isinstance(event, Voice) and len(self._late) >= self._most:
            self.lost += 1
            event = Torn(event.at, event.state.guild_id)
            key = subject(event)
            self._late.pop(key, None)
        self._late[key] = event
