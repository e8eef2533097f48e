"""The updates of a bot that waits for them by long polling, one poll at a time."""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.outside.telegram_refusals import CONFLICT, Refused

MOST_UPDATES = 100


@dataclass(slots=True)
class Updates:
    """Updates that the bot has not confirmed, in the order of their growing ids."""

    waiting: list[dict[str, Any]] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=lambda: count(500_000_001))
    _allowed: list[str] = field(default_factory=list)
    _poll: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _stopped: bool = False

    def add(self, kind: str, content: dict[str, Any]) -> int:
        """Append an update; returns its id."""
        number = next(self._ids)
        self.waiting.append({"update_id": number, kind: content})
        self._news.set()
        return number

    async def poll(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """What is not confirmed, or what comes within the timeout; ends the poll before this."""
        self._poll += 1
        mine = self._poll
        self._news.set()
        self._confirm(int(params.get("offset") or 0))
        self._allowed = params.get("allowed_updates") or self._allowed
        until = time.monotonic() + float(params.get("timeout") or 0)
        while not (found := self._wanted()) and not self._stopped:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), until - time.monotonic())
            except TimeoutError:
                break
            if self._poll != mine:
                raise Refused(CONFLICT)
        return found[: int(params.get("limit") or MOST_UPDATES)]

    def stop(self) -> None:
        """End the poll that waits."""
        self._stopped = True
        self._news.set()

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            self.waiting = self.waiting[offset:]
        else:
            self.waiting = [one for one in self.waiting if one["update_id"] >= offset]

    def _wanted(self) -> list[dict[str, Any]]:
        allowed = set(self._allowed) or {"message", "callback_query"}
        return [one for one in self.waiting if allowed & one.keys()]
