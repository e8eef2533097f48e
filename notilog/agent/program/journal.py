"""The write-ahead journal: batches on disk with the positions behind them.

The invariant that makes every line stored once:

    *The position of record* is the one inside the newest batch in the spool, or, when that is
    older or there is none, the one in ``positions.json``. Every line before it is in a batch that
    is in the spool or was answered by the server; no line behind it is in any batch.

Each step keeps it, so a kill between any two of them is harmless:

1. Lines are read and gathered in memory. Nothing on disk changes: after a kill they are read again.
2. The batch is written to a ``.part`` file together with the positions behind its last line, and
   synced. Such a file does not count: as in 1.
3. It is renamed, and the folder synced. By this one step its lines are in the spool *and* the
   position moves behind them.
4. It is sent under its id, any number of times; the server stores an id once.
5. The server says that it has the batch. If it is the newest one, its positions are first written
   to ``positions.json`` (whole, synced); a kill after that only sends the batch once more.
6. The batch is removed. The position of record is in a newer batch or in ``positions.json``.

``positions.json`` with the number of the newest batch counts more than that batch: it was written
later, behind the same line.

Numbers grow from batch to batch and never go back, so "newest" needs no clock.
"""

import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from notilog.agent.batches import batch_of
from notilog.agent.program.whole_files import sync_folder, write_whole

POSITIONS: Final = "positions.json"
SPOOL: Final = "spool"

_NAME: Final = re.compile(r"(\d{20})-(\d{1,7})-([0-9a-f]{32})\.batch", re.ASCII)
_LENGTH_BYTES: Final = 4
_BLOCK: Final = 4096

Positions = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spooled:
    """A batch on disk."""

    number: int
    records: int
    id: UUID
    bytes: int

    @property
    def name(self) -> str:
        return f"{self.number:020d}-{self.records}-{self.id.hex}.batch"


@dataclass(frozen=True, slots=True)
class Load:
    """How much waits on disk."""

    batches: int
    bytes: int


class Journal:
    """The spool and the positions of one agent; one thread puts, another one takes and removes.

    Args:
        state: the agent's folder.
        most_bytes: with more than these on disk `is_full` asks to read no further.

    Raises:
        OSError: the folder cannot be made or read, or the position of record is damaged.
    """

    def __init__(self, state: Path, most_bytes: int) -> None:
        self._state = state
        self._folder = state / SPOOL
        self._most = most_bytes
        self._lock = threading.Lock()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._batches = {one.number: one for one in self._found()}
        self._bytes = sum(one.bytes for one in self._batches.values())
        self._newest, self._positions = self._position_of_record()

    @property
    def positions(self) -> Positions:
        """The position of record."""
        return self._positions

    @property
    def load(self) -> Load:
        with self._lock:
            return Load(len(self._batches), self._bytes)

    @property
    def is_full(self) -> bool:
        return self._bytes >= self._most

    def waiting(self) -> list[Spooled]:
        """The batches on disk, oldest first."""
        with self._lock:
            return list(self._batches.values())

    def put(self, lines: Sequence[bytes], positions: Positions) -> Spooled:
        """Steps 2 and 3: the batch is on disk when this returns.

        Raises:
            OSError: it could not be written, and nothing has changed.
        """
        batch = batch_of(lines)
        head = json.dumps(positions).encode()
        body = len(head).to_bytes(_LENGTH_BYTES, "big") + head + batch.body
        size = -(-len(body) // _BLOCK) * _BLOCK
        spooled = Spooled(self._newest + 1, batch.records, UUID(batch.key), size)
        write_whole(self._folder / spooled.name, body)
        with self._lock:
            self._newest, self._positions = spooled.number, positions
            self._batches[spooled.number] = spooled
            self._bytes += spooled.bytes
        return spooled

    def note(self, positions: Positions) -> None:
        """Keep positions that changed without a line, such as that a file has another name.

        Nothing may have been gathered since the newest batch.

        Raises:
            OSError: the disk refuses.
        """
        with self._lock:
            self._positions = positions
            self._write_positions()

    def body(self, spooled: Spooled) -> bytes:
        """The compressed records of a batch.

        Raises:
            OSError: it cannot be read.
        """
        return _split((self._folder / spooled.name).read_bytes())[1]

    def remove(self, spooled: Spooled) -> None:
        """Steps 5 and 6, after the server's answer.

        Raises:
            OSError: the disk refuses; the batch counts as waiting.
        """
        with self._lock:
            if spooled.number == self._newest:
                self._write_positions()
            (self._folder / spooled.name).unlink(missing_ok=True)
            if self._batches.pop(spooled.number, None) is not None:
                self._bytes -= spooled.bytes

    def _write_positions(self) -> None:
        document = {"batch": self._newest, "positions": self._positions}
        write_whole(self._state / POSITIONS, json.dumps(document).encode())

    def _position_of_record(self) -> tuple[int, Positions]:
        newest, positions = self._noted()
        last = max(self._batches, default=0)
        if last > newest:
            name = self._batches[last].name
            try:
                return last, json.loads(_split((self._folder / name).read_bytes())[0])
            except ValueError as error:
                raise OSError(
                    f"{self._folder / name} is damaged: {error}; without it its lines are read "
                    "again, if they are still there"
                ) from error
        return newest, positions

    def _noted(self) -> tuple[int, Positions]:
        """What ``positions.json`` says; nothing at the first start."""
        path = self._state / POSITIONS
        try:
            document = json.loads(path.read_bytes())
            newest, positions = int(document["batch"]), dict(document["positions"])
        except FileNotFoundError:
            return 0, {}
        except (ValueError, TypeError, KeyError) as error:
            raise OSError(
                f"{path} is damaged: {error!r}; put an older copy there, or remove it: "
                "without it files are read from the newest batch in the spool on, or from their "
                "beginnings, and lines that were sent before are stored again"
            ) from error
        return newest, positions

    def _found(self) -> "list[Spooled]":
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if match := _NAME.fullmatch(entry.name):
                    number, records, key = match.groups()
                    size = -(-entry.stat().st_size // _BLOCK) * _BLOCK
                    found.append(Spooled(int(number), int(records), UUID(key), size))
                elif entry.name.endswith(".part"):
                    Path(entry.path).unlink()
        sync_folder(self._folder)
        return sorted(found, key=lambda one: one.number)


def _split(body: bytes) -> tuple[bytes, bytes]:
    end = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
    return body[_LENGTH_BYTES:end], body[end:]
