"""Files are written, rotated and truncated while the agent reads, is killed and starts again.

Whatever the order, the server has every line once, and in the order in which it was written.
"""

import gzip
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import booleans, integers

from notilog.agent.program.journal import Journal
from notilog.agent.program.records import Stamper
from notilog.agent.program.settings import FileRule
from notilog.agent.program.tailing import Tailing

TICK = 0.006
"""Seconds by which the times of files surely differ."""


class Reader:
    """What one process of the agent does between two kills, step by step."""

    def __init__(self, state: Path, pattern: str) -> None:
        self.rules = (FileRule(pattern, "p"),)
        self.journal = Journal(state, 1 << 30)
        self.tailing = Tailing(Stamper("host"), lambda _subject, _text: None)
        self.tailing.restore(self.journal.positions.get("files", ()))
        self.lines: list[bytes] = []

    def look(self) -> None:
        self.tailing.follow(self.rules)
        if self.tailing.look() and not self.lines:
            self.journal.note({"files": self.tailing.saved()})

    def read(self, most: int) -> int:
        return self.tailing.read(self.add, most)

    def add(self, record: bytes) -> bool:
        self.lines.append(record)
        return True

    def spool(self) -> None:
        if self.lines:
            self.journal.put(self.lines, {"files": self.tailing.saved()})
            self.lines = []

    def kill(self) -> None:
        """Only what is in memory goes."""
        self.tailing.close()


class Rotation(RuleBasedStateMachine):
    """One log at a time; `pattern` is what the agent is told to follow."""

    pattern = "app.log"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.log = self.folder / "app.log"
        self.written: list[str] = []
        self.half = ""
        self.stored: dict[UUID, list[str]] = {}

    @initialize(lines=integers(0, 3))
    def start(self, lines: int) -> None:
        self.log.touch()
        self.write(lines)
        self.reader = self.started()
        self.reader.look()

    def started(self) -> Reader:
        return Reader(self.folder / "state", str(self.folder / self.pattern))

    @rule(lines=integers(1, 6))
    def write(self, lines: int) -> None:
        texts = [f"line {len(self.written) + number} {'x' * 30}" for number in range(lines)]
        with self.log.open("a") as file:
            for text in texts:
                file.write(f"{text[len(self.half) :]}\n")
                self.half = ""
        self.written += texts
        time.sleep(TICK)

    @rule()
    def write_half_a_line(self) -> None:
        if not self.half:
            self.half = f"line {len(self.written)} "
            with self.log.open("a") as file:
                file.write(self.half)

    @rule(create=booleans())
    def rotate_by_renaming(self, *, create: bool) -> None:
        self.end_line()
        self.shift()
        if self.log.exists():
            self.log.rename(self.folder / "app.log.1")
        if create:
            self.log.touch()
        time.sleep(TICK)

    @precondition(lambda self: self.log.exists())
    @rule()
    def rotate_by_copying(self) -> None:
        self.end_line()
        self.shift()
        shutil.copy2(self.log, self.folder / "app.log.1")
        os.truncate(self.log, 0)
        time.sleep(TICK)

    def end_line(self) -> None:
        if self.half:
            self.write(1)

    def shift(self) -> None:
        numbers = sorted(
            (int(path.suffix[1:]) for path in self.folder.glob("app.log.*")), reverse=True
        )
        for number in numbers:
            (self.folder / f"app.log.{number}").rename(self.folder / f"app.log.{number + 1}")

    @rule()
    def look(self) -> None:
        self.reader.look()

    @rule(most=integers(1, 5))
    def read(self, most: int) -> None:
        self.reader.read(most)

    @rule()
    def spool(self) -> None:
        self.reader.spool()

    @rule(heard=booleans())
    def send(self, *, heard: bool) -> None:
        """The server stores the oldest batch; its answer may be lost."""
        for batch in self.reader.journal.waiting()[:1]:
            self.receive(batch.id, self.reader.journal.body(batch))
            if heard:
                self.reader.journal.remove(batch)

    @rule()
    def kill(self) -> None:
        self.reader.kill()
        self.reader = self.started()

    def receive(self, key: UUID, body: bytes) -> None:
        lines = [json.loads(line)["message"] for line in gzip.decompress(body).splitlines()]
        assert self.stored.setdefault(key, lines) == lines

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        told = [line for batch in self.stored.values() for line in batch]
        assert len(told) == len(set(told))

    def teardown(self) -> None:
        if not hasattr(self, "reader"):
            return
        self.end_line()
        quiet = 0
        while quiet < 3:
            self.reader.look()
            quiet = 0 if self.reader.read(100) else quiet + 1
        self.reader.spool()
        for batch in self.reader.journal.waiting():
            self.receive(batch.id, self.reader.journal.body(batch))
            self.reader.journal.remove(batch)
        self.reader.kill()
        told = [line for batch in self.stored.values() for line in batch]
        shutil.rmtree(self.folder)
        self.check(told)

    def check(self, told: list[str]) -> None:
        assert told == self.written


class RotationInSight(Rotation):
    """The pattern matches rotated files, too: they are no other logs."""

    pattern = "app.log*"

    def check(self, told: list[str]) -> None:
        assert sorted(told) == sorted(self.written)


EXAMPLES = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_every_line_is_stored_once_and_in_order() -> None:
    run_state_machine_as_test(Rotation, settings=EXAMPLES)


def test_every_line_is_stored_once_though_rotated_files_match() -> None:
    run_state_machine_as_test(RotationInSight, settings=EXAMPLES)
