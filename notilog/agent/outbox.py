"""Batches between being gathered and being sent: in the spool, or a few in memory without one."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from notilog.agent.batches import Batch, Claim
from notilog.agent.notices import Notices
from notilog.agent.spool import Spool

MOST_HELD: Final = 2
"""Batches in memory: the one that is being sent, and the next."""


@dataclass(frozen=True, slots=True)
class HeldClaim:
    """The first batch in memory."""

    batch: Batch
    outbox: "Outbox"

    def done(self) -> None:
        self.outbox.forget(self.batch)

    def release(self) -> None:
        """It has stayed where it was."""


class Outbox:
    """One thread puts, another one claims."""

    def __init__(self, spool: Spool | None, notices: Notices) -> None:
        self._spool = spool
        self._notices = notices
        self._held: deque[Batch] = deque()
        self._changed = threading.Condition()
        self._news = False
        self._stopped = False

    def put(self, batch: Batch) -> bool:
        """Keep the batch, waiting for room in memory; False when there is none and never will."""
        kept = self.save(batch)
        with self._changed:
            if not kept:
                self._changed.wait_for(lambda: self._has_room or self._stopped)
                kept = self._has_room
                if kept:
                    self._held.append(batch)
            self._news = True
            self._changed.notify_all()
        return kept

    def claim(self, patience: float) -> Claim | None:
        """The oldest batch, waiting for one up to ``patience`` seconds."""
        found = self._next()
        if found is None:
            with self._changed:
                self._changed.wait_for(lambda: self._news or self._stopped, patience)
                self._news = False
            found = self._next()
        return found

    def forget(self, batch: Batch) -> None:
        with self._changed:
            if batch in self._held:
                self._held.remove(batch)
            self._changed.notify_all()

    @property
    def is_empty(self) -> bool:
        """Whether nothing that was put here waits any more."""
        with self._changed:
            if self._held:
                return False
        return self._spool is None or not self._spool.has_own()

    @property
    def removed(self) -> int:
        """Records given up for want of room on disk."""
        return self._spool.removed if self._spool else 0

    def stop(self) -> None:
        """Nobody shall wait any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def unsaved(self) -> list[Batch]:
        """What is in memory only, after a last try to write it to the disk."""
        with self._changed:
            return [batch for batch in self._held if not self.save(batch)]

    def abandon(self) -> None:
        """In a forked child: nothing of this is its own."""
        if self._spool is not None:
            self._spool.abandon()

    def save(self, batch: Batch) -> bool:
        """Write the batch to the disk, if that is possible."""
        if self._spool is None:
            return False
        try:
            self._spool.put(batch)
        except OSError as error:
            self._notices.say("writing", f"the spool cannot be written, memory is used: {error}")
            return False
        self._notices.settled("writing", "the spool can be written again")
        return True

    @property
    def _has_room(self) -> bool:
        return len(self._held) < MOST_HELD

    def _next(self) -> Claim | None:
        found: Claim | None = None
        if self._spool is not None:
            try:
                found = self._spool.claim()
            except OSError as error:
                self._notices.say("reading", f"the spool cannot be read: {error}")
        if found is None and self._held:
            found = HeldClaim(self._held[0], self)
        return found
