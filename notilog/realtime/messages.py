"""Messages on their way to many: judged once a filter, and encoded once a selection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notilog.realtime.topics import Place, Published

Wants = Callable[[Any], bool]
"""Whether somebody wants a part, by its facts; those who want the same share one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing of a message: what filters judge, and its JSON."""

    facts: Any
    data: bytes


@dataclass(frozen=True, slots=True)
class Shape:
    """A topic's name, and how its messages are taken apart.

    ``parts`` may take long, and raises ValueError when a message is damaged.
    """

    topic: str
    parts: Callable[[Published], Sequence[Part]]


class Encoded:
    """A message; each selection of its parts is put into a frame once, whoever asks for it.

    ``at`` is when it was read: by then everything before it had been told.
    """

    def __init__(self, topic: str, place: Place, at: datetime, parts: Sequence[Part]) -> None:
        self.offset = place.offset
        self._topic = topic
        self._place = f'"offset":{place.offset},"epoch":"{place.epoch}","at":"{at.isoformat()}"'
        self._parts = parts
        self._tails: dict[tuple[int, ...] | None, str] = {}
        self._chosen: dict[Wants, tuple[int, ...]] = {}

    def frame(self, opening: str, wants: Wants | None) -> str | None:
        """The frame, beginning with ``opening``; None when nothing of it is wanted."""
        chosen: tuple[int, ...] | None = None
        if wants is not None:
            chosen = self._chosen.get(wants)
            if chosen is None:
                chosen = tuple(n for n, part in enumerate(self._parts) if wants(part.facts))
                self._chosen[wants] = chosen
        tail = self._tails.get(chosen)
        if tail is None:
            tail = self._tails[chosen] = self._tail(chosen)
        return opening + tail if tail else None

    def _tail(self, chosen: tuple[int, ...] | None) -> str:
        parts = self._parts if chosen is None else [self._parts[number] for number in chosen]
        if not parts:
            return ""
        data = b",".join(part.data for part in parts).decode()
        return f'"topic":"{self._topic}",{self._place},"data":[{data}]}}'
