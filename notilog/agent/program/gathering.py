"""The thread that reads: files, the journal and standard input into batches on the disk."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from notilog.agent.backlog import Gathering
from notilog.agent.notices import Notices
from notilog.agent.program.allowed import EVERYTHING, Allowed
from notilog.agent.program.journal import Journal, Positions
from notilog.agent.program.records import Stamper
from notilog.agent.program.settings import Settings
from notilog.agent.program.standard_input import StandardInput
from notilog.agent.program.system_journal import SystemJournal
from notilog.agent.program.tailing import Tailing

IDLE: Final = 0.1
"""Seconds between looks when there is nothing to read."""
RETRY: Final = 1.0
"""Seconds before the disk is tried again."""
SHARE: Final = 500
"""Lines that one source may add before the next one has its turn."""


class _Source(Protocol):
    def read(self, add: Callable[[bytes], bool], most: int) -> int: ...


@dataclass(frozen=True, slots=True)
class FileState:
    """How far a file is read, in bytes."""

    path: str
    offset: int
    lag: int


class Reading:
    """Reads in a thread of its own, as long as there is room in the spool.

    Args:
        journal: takes the batches.
        host: the name of this machine, in every record.
        notices: told what is wrong.
        stdin: the source of standard input, if it is read.
        spooled: called (in the thread) whenever a batch is on disk.
        gathering: when a batch is full.
        allowed: which files may be read.
    """

    def __init__(
        self,
        journal: Journal,
        stamper: Stamper,
        notices: Notices,
        *,
        stdin: StandardInput | None,
        spooled: Callable[[], None],
        gathering: Gathering,
        allowed: Allowed = EVERYTHING,
    ) -> None:
        self.files: tuple[FileState, ...] = ()
        self.is_over = False
        """Whether standard input has ended and all of it is on disk."""
        self._journal = journal
        self._notices = notices
        self._spooled = spooled
        self._gathering = gathering
        self._tailing = Tailing(stamper, notices.say, allowed)
        self._system_journal = SystemJournal(stamper, notices.say)
        self._stdin = stdin
        self._wanted: Settings | None = None
        self._lines: list[bytes] = []
        self._bytes = 0
        self._since = 0.0
        self._refused = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notilog-reader", daemon=True)

    def start(self) -> None:
        """Go on where the position of record says."""
        positions = self._journal.positions
        self._tailing.restore(positions.get("files", ()))
        self._system_journal.cursor = positions.get("journal")
        self._thread.start()

    def follow(self, settings: Settings) -> None:
        """Read what these say from now on."""
        self._wanted = settings

    def gather(self, gathering: Gathering) -> None:
        """Make batches of this size from now on."""
        self._gathering = gathering

    def stop(self, patience: float) -> bool:
        """Spool what was read and end; whether that was done within so many seconds."""
        self._stopping.set()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._stopping.wait(self._step())
            except Exception as error:  # noqa: BLE001  the thread must live on
                self._notices.say("reading", f"reading failed and goes on: {error!r}")
                self._stopping.wait(RETRY)
        if self._lines:
            self._spool()
        self._system_journal.close()
        self._tailing.close()

    def _step(self) -> float:
        """Read a little; returns the seconds to wait before the next step."""
        if (wanted := self._wanted) is not None:
            self._wanted = None
            self._tailing.follow(wanted.files)
            self._system_journal.follow(wanted.journald)
        changed = self._tailing.look()
        if changed and not self._lines:
            self._journal.note(self._positions())
        if self._journal.is_full:
            self._notices.say("spool", "the spool is full; no more is read until there is room")
            return IDLE
        self._notices.settled("spool", "there is room in the spool again; reading goes on")
        moved = self._gather()
        self.files = tuple(FileState(*one) for one in self._tailing.files())
        if self._is_due and not self._spool():
            return RETRY
        self.is_over = self._stdin is not None and self._stdin.is_over and not self._lines
        return 0 if moved else IDLE

    def _gather(self) -> int:
        moved = 0
        sources: tuple[_Source | None, ...] = (self._stdin, self._system_journal, self._tailing)
        for source in sources:
            if source is not None:
                moved += source.read(self._add, SHARE)
        return moved

    def _add(self, record: bytes) -> bool:
        size = self._bytes + len(record) + 1
        full = len(self._lines) >= self._gathering.records or size > self._gathering.bytes
        if self._lines and full:
            self._refused = True
            return False
        if not self._lines:
            self._since = monotonic()
        self._lines.append(record)
        self._bytes = size
        return True

    @property
    def _is_due(self) -> bool:
        if not self._lines:
            return False
        full = self._refused or len(self._lines) >= self._gathering.records
        return full or monotonic() - self._since >= self._gathering.seconds

    def _spool(self) -> bool:
        try:
            self._journal.put(self._lines, self._positions())
        except OSError as error:
            self._notices.say("writing", f"the spool cannot be written; waiting: {error}")
            return False
        self._notices.settled("writing", "the spool can be written again")
        self._lines, self._bytes, self._refused = [], 0, False
        self._spooled()
        return True

    def _positions(self) -> Positions:
        return {"files": self._tailing.saved(), "journal": self._system_journal.cursor}
