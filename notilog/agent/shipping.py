"""The way of lines to the server: one thread gathers batches and keeps them, another sends them.

Two threads, so that a server that hangs does not keep records from the disk.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from random import SystemRandom
from time import monotonic, sleep, time
from typing import Final

from notilog.agent.backlog import Backlog
from notilog.agent.batches import Batch, Claim, batch_of, halves
from notilog.agent.notices import Notices
from notilog.agent.outbox import Outbox
from notilog.agent.sending import Destination, Postponed, Refused, Stored, Verdict

LOOK_EVERY: Final = 10.0
"""Seconds after which an idle sender looks for batches that another process left."""

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 60.0
_LONGEST_ASKED: Final = 600.0
_LEAST_PAUSE: Final = 0.2
_POLL: Final = 0.02
_LAST_WRITE: Final = 2.0
_random: Final = SystemRandom()  # another state than the parent's in a forked child


class OwnThread(threading.Thread):
    """A thread whose own records are never sent."""

    def __init__(self, target: Callable[[], None], name: str) -> None:
        super().__init__(target=target, name=name, daemon=True)


class Shipping:
    """Everything behind the handler in one process."""

    def __init__(
        self,
        backlog: Backlog,
        outbox: Outbox,
        *,
        destination: Destination,
        notices: Notices,
        warning: Callable[[str, float], bytes],
    ) -> None:
        self.rejected = 0
        self._backlog = backlog
        self._outbox = outbox
        self._destination = destination
        self._notices = notices
        self._warning = warning
        self._refused = 0
        self._told = 0
        self._failures = 0
        self._gave_up_at = -_LAST_WRITE
        self._stopped = False
        self._hurry = threading.Event()
        self._gatherer: OwnThread | None = None
        self._sender: OwnThread | None = None
        self._starting = threading.Lock()

    @property
    def dropped(self) -> int:
        """Records that will not be stored: no room for them, or the server refused their batch."""
        return self._backlog.dropped + self._outbox.removed + self._refused

    def take(self, line: bytes) -> None:
        """Take a line over; never waits."""
        if self._stopped:
            if not self._outbox.save(batch_of([line])):
                self._backlog.drop()
            return
        self._backlog.put(line)
        if self._sender is None and self._starting.acquire(blocking=False):
            try:
                self._start()
            finally:
                self._starting.release()

    def drop(self) -> None:
        self._backlog.drop()

    def flush(self, patience: float) -> bool:
        """Whether the server has everything within so many seconds."""
        if self._sender is None:
            return self._is_empty
        done = self._wait(patience)
        if not done:
            self._gave_up_at = monotonic()
        return done

    def close(self, patience: float) -> None:
        """Send for so many seconds, then keep the rest."""
        if self._stopped:
            return
        self._backlog.close()
        if self._sender is not None:
            # At exit `logging` flushes before it closes; it need not be waited for twice.
            in_vain = monotonic() - self._gave_up_at < _LAST_WRITE
            self._wait(0 if in_vain else patience)
        else:
            self._work_here(patience)
        self._stopped = True
        self._outbox.stop()
        if self._gatherer is not None:
            self._gatherer.join(_LAST_WRITE)
        self._keep_the_rest()

    def abandon(self) -> None:
        """In a forked child: everything here is the parent's."""
        self._stopped = True
        self._outbox.abandon()
        self._destination.abandon()

    def _start(self) -> None:
        with suppress(RuntimeError):  # no more threads, or the interpreter ends: `close` does it
            if self._gatherer is None:
                gatherer = OwnThread(self._gather, "notilog-gatherer")
                gatherer.start()
                self._gatherer = gatherer
                _close_with_the_process(self.close)
            if self._sender is None:
                sender = OwnThread(self._send, "notilog-sender")
                sender.start()
                self._sender = sender

    def _wait(self, patience: float) -> bool:
        deadline = monotonic() + patience
        while not self._is_empty:
            if monotonic() >= deadline:
                return False
            self._backlog.hurry()
            self._hurry.set()
            sleep(_POLL)
        return True

    @property
    def _is_empty(self) -> bool:
        return self._backlog.is_empty and self._outbox.is_empty

    def _gather(self) -> None:
        while not (self._backlog.is_closing and self._backlog.is_empty):
            lines = self._backlog.take()
            try:
                self._keep(lines)
            except Exception as error:  # noqa: BLE001  the thread must live on
                self._backlog.drop(len(lines))
                self._notices.say("gathering", f"{len(lines)} records were lost: {error!r}")
            self._backlog.taken()

    def _keep(self, lines: list[bytes]) -> None:
        if not lines:
            return
        untold = self.dropped - self._told
        warning = [self._warning(f"{untold} records were dropped", time())] if untold else []
        if self._outbox.put(batch_of([*lines, *warning])):
            self._told += untold
        else:
            self._backlog.drop(len(lines))

    def _send(self) -> None:
        while not self._stopped:
            claim = self._outbox.claim(LOOK_EVERY)
            if claim is not None:
                self._pause(self._deliver(claim))
        self._destination.close()

    def _deliver(self, claim: Claim) -> float:
        """Send the batch once; returns in how many seconds to try again, if it has to wait."""
        verdicts: list[tuple[Verdict, int]] = []
        postponed = self._post(claim.batch, verdicts)
        if postponed is not None:
            claim.release()
            self._failures += 1
            self._notices.say("sending", f"logs cannot be sent and are kept: {postponed.reason}")
            return self._next_try(postponed.after)
        self._failures = 0
        self._notices.settled("sending", "logs are sent again")
        for verdict, records in verdicts:
            self._count(verdict, records)
        claim.done()  # last: who waits for the end then sees what became of it
        return 0

    def _post(self, batch: Batch, verdicts: list[tuple[Verdict, int]]) -> Postponed | None:
        """Send the batch, in pieces if it is too large; when one has to wait, all of it does.

        What was stored of it meanwhile is known to the server by its key. ``verdicts`` gets what
        became of each piece, and its records.
        """
        verdict = self._destination.post(batch)
        if isinstance(verdict, Postponed):
            return verdict
        if isinstance(verdict, Refused) and verdict.is_too_large and (pieces := halves(batch)):
            for piece in pieces:
                if postponed := self._post(piece, verdicts):
                    return postponed
            return None
        verdicts.append((verdict, batch.records))
        return None

    def _count(self, verdict: Verdict, records: int) -> None:
        if isinstance(verdict, Refused):
            self._refused += records
            self._notices.say("refused", f"{records} records were refused: {verdict.reason}")
        if isinstance(verdict, Stored) and verdict.rejected:
            self.rejected += verdict.rejected
            self._notices.say("rejected", f"a record was rejected: {verdict.reason}")

    def _next_try(self, asked: float) -> float:
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures - 1, 20))
        return float(max(longest * _random.uniform(0.5, 1), min(asked, _LONGEST_ASKED)))

    def _pause(self, seconds: float) -> None:
        """Wait, though not much while somebody waits for us."""
        if seconds:
            sleep(_LEAST_PAUSE)
            self._hurry.wait(seconds - _LEAST_PAUSE)
        self._hurry.clear()

    def _work_here(self, patience: float) -> None:
        """What the threads would do, when the interpreter lets none start any more."""
        deadline, sending = monotonic() + patience, True
        self._outbox.stop()
        while lines := self._backlog.rest():
            self._keep(lines)
            while sending and monotonic() < deadline and not self._outbox.is_empty:
                claim = self._outbox.claim(0)
                sending = claim is not None and not self._deliver(claim)
        self._backlog.taken()

    def _keep_the_rest(self) -> None:
        while lines := self._backlog.rest():
            self._keep(lines)
        lost = self.dropped - self._told + sum(batch.records for batch in self._outbox.unsaved())
        if lost:
            self._notices.say("lost", f"{lost} records were lost")


def _close_with_the_process(close: Callable[[float], None]) -> None:
    """A child of `multiprocessing` ends without what `atexit` does for others."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, close, args=(_LAST_WRITE,), exitpriority=-1)
