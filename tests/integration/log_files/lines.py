"""Records to write, processes that write them, and the lines that came of it."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import zstandard

from notilog.logs.files import paths
from notilog.logs.files.settings import FilesSettings
from notilog.logs.files.writing import Writer
from notilog.logs.stored import StoredRecord
from notilog.ops.embedded import Program
from tests.servers.process import running

NOW = datetime(2026, 1, 20, 10, 15, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]


def record(message: str = "sold", **fields: Any) -> StoredRecord:
    chosen = {"level": 20, "project": "shop", "module": "cart", **fields}
    return StoredRecord(ts=NOW, id=uuid4(), message=message, **chosen)


def settings(folder: Path, **changes: Any) -> FilesSettings:
    return FilesSettings.model_validate({"folder": str(folder), "keep_free_bytes": 0, **changes})


def write(folder: Path, *records: StoredRecord, now: datetime = NOW, **changes: Any) -> None:
    Writer(settings(folder, **changes)).write(records, now=now)


def names(folder: Path) -> list[str]:
    """What is not hidden."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if not str(path).startswith("."))


def content(path: Path) -> bytes:
    """The lines of a file, packed or not."""
    data = path.read_bytes()
    if not paths.is_archive(path.name):
        return data
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def messages(folder: Path) -> list[str]:
    """The messages of every file, oldest file first; every line must be whole."""
    found = []
    closed_first = sorted(names(folder), key=lambda name: (paths.closed_at(name) is None, name))
    for name in closed_first:
        data = content(folder / name)
        assert data.endswith(b"\n"), f"{name} ends in half a line"
        found += [json.loads(line)["message"] for line in data.splitlines()]
    return found


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Files of this process may have so many bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def writer(folder: Path, output: Path, *arguments: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that writes; `tests.integration.log_files.writer` says what."""
    module = "tests.integration.log_files.writer"
    program = Program((sys.executable, "-m", module, str(folder), *arguments))
    with running(program, output, cwd=ROOT) as process:
        yield process
