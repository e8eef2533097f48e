"""The journal of systemd, by `journalctl`, from the entry on that was told last."""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from notilog.agent.attributes import attrs_of
from notilog.agent.program.pipes import PipeLines
from notilog.agent.program.records import Stamper
from notilog.agent.program.settings import JournalRule

LEVELS: Final = {
    "0": "critical",
    "1": "critical",
    "2": "critical",
    "3": "error",
    "4": "warning",
    "5": "notice",
    "6": "info",
    "7": "debug",
}
LONGEST_ENTRY: Final = 1024 * 1024
"""Bytes of an entry with all its fields; a longer one is told without them."""

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


class SystemJournal:
    """A `journalctl` as a child, while the settings ask for it.

    Args:
        stamper: makes records of entries.
        say: told what is wrong: a subject and a text.
    """

    def __init__(self, stamper: Stamper, say: Callable[[str, str], None]) -> None:
        self.cursor: str | None = None
        """Of the last entry that was added."""
        self._stamper = stamper
        self._say = say
        self._rule: JournalRule | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._lines: PipeLines | None = None
        self._held: tuple[bytes, str | None] | None = None
        self._pause = _FIRST_PAUSE
        self._start_at = 0.0

    def follow(self, rule: JournalRule | None) -> None:
        """Tell these units from now on, or none."""
        if rule == self._rule:
            return
        self.close()
        self._rule = rule
        self._start_at = 0.0

    def read(self, add: Callable[[bytes], bool], most: int) -> int:
        """Add entries until none is left or ``add`` refuses; how many were added."""
        if self._rule is None or (self._child is None and not self._start(self._rule)):
            return 0
        added = 0
        while added < most and (self._held or self._next()):
            assert self._held is not None  # noqa: S101  the condition above
            record, cursor = self._held
            if not add(record):
                break
            self._held = None
            self.cursor = cursor or self.cursor
            added += 1
        return added

    def close(self) -> None:
        """End the child; what it had told is told again by the next one."""
        child, self._child, self._lines, self._held = self._child, None, None, None
        if child is not None:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()

    def _start(self, rule: JournalRule) -> bool:
        if monotonic() < self._start_at:
            return False
        self._start_at = monotonic() + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        program = shutil.which("journalctl")
        if program is None:
            self._say("journald", "there is no journalctl here; the journal is not told")
            return False
        since = ["--no-tail", f"--after-cursor={self.cursor}"] if self.cursor else ["--lines=0"]
        units = [f"--unit={unit}" for unit in rule.units]
        command = [program, "--follow", "--output=json", "--quiet", *since, *units]
        try:
            self._child = subprocess.Popen(  # noqa: S603  units are checked, there is no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._say("journald", f"journalctl cannot be started: {error}")
            return False
        assert self._child.stdout is not None  # noqa: S101  it is a pipe
        self._lines = PipeLines(self._child.stdout.fileno(), LONGEST_ENTRY)
        return True

    def _next(self) -> bool:
        assert self._lines is not None and self._rule is not None  # noqa: S101, PT018  started
        while (line := self._lines.take()) is not None:
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    self._pause = _FIRST_PAUSE
                    self._held = self._record(entry, self._rule), entry.get("__CURSOR")
                    return True
            self._say("journald", "an entry of the journal cannot be read and is passed over")
        if self._lines.is_over:
            self._say("journald", "journalctl has ended; it is started again")
            self.close()
        return False

    def _record(self, entry: Mapping[str, Any], rule: JournalRule) -> bytes:
        unit = str(entry.get("_SYSTEMD_UNIT") or entry.get("UNIT") or "")
        module = unit.removesuffix(".service") or str(entry.get("SYSLOG_IDENTIFIER") or "journal")
        at = str(entry.get("__REALTIME_TIMESTAMP") or "")
        known = {"unit": unit, "pid": entry.get("_PID"), "by": entry.get("SYSLOG_IDENTIFIER")}
        return self._stamper.record(
            _message(entry.get("MESSAGE")),
            {
                "level": LEVELS.get(str(entry.get("PRIORITY")), "info"),
                "project": rule.project,
                "module": module[:200],
            },
            attrs=attrs_of({name: value for name, value in known.items() if value}),
            at=int(at) if at.isascii() and at.isdigit() else None,
        )


def _message(value: object) -> bytes:
    """A text; or, when it is not UTF-8, an array of its bytes; or nothing, when it is too long."""
    if isinstance(value, str):
        return value.encode(errors="replace")
    if isinstance(value, list):
        with suppress(ValueError, TypeError):
            return bytes(value)
    return b"(a message that journalctl does not show)"
