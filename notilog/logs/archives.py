"""Archives of records: all that a search finds, as NDJSON, and stored again from there."""

import gzip
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import zstandard
from sqlalchemy import Text, cast, select, text

from notilog.db.session import transaction
from notilog.errors import Invalid
from notilog.logs import levels
from notilog.logs.filters import Filters, conditions
from notilog.logs.loading import Piece
from notilog.logs.rows import COLUMNS
from notilog.logs.tables import LogRecordRow
from notilog.logs.text_files import TextFile
from notilog.users.caller import Caller

STANDARD_OUTPUT: Final = "-"

_AT_ONCE: Final = 2_000
_LEVEL: Final = 3
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_encode: Final = msgspec.json.Encoder().encode
_OPERATOR: Final = Caller.of_operator()


async def lines(filters: Filters) -> AsyncIterator[tuple[int, bytes]]:
    """Records as lines of JSON, the oldest first: some of them at a time, and how many they are.

    They are read by a cursor of the primary, of one snapshot, for as long as it takes.

    Raises:
        Invalid: a level is not understood.
    """
    row = LogRecordRow
    columns = [getattr(row, name) for name in COLUMNS if name != "attrs"]
    # As text, which goes into the line as it is.
    statement = select(*columns, cast(row.attrs, Text)).where(*conditions(filters, _OPERATOR))
    ordered = statement.order_by(row.ts, row.id).execution_options(yield_per=_AT_ONCE)
    async with transaction() as tx:
        await tx.execute(text("SET TRANSACTION READ ONLY"))
        await tx.execute(text("SET LOCAL statement_timeout = 0"))
        # Whoever reads the archive may take as long as they like; this holds no locks.
        await tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        async for part in (await tx.stream(ordered)).partitions():
            yield len(part), b"".join(map(_line, part))


def _line(values: Any) -> bytes:
    fields = {name: value for name, value in zip(COLUMNS, values, strict=True) if value is not None}
    fields["level"] = levels.NAMES.get(fields["level"], fields["level"])
    if "attrs" in fields:
        fields["attrs"] = msgspec.Raw(fields["attrs"].encode())
    return _encode(fields) + b"\n"


def pieces(file: TextFile, *, longest: int) -> Iterator[Piece]:
    """The records of an archive, or of anything that gives each its ``id`` and ``ts``."""
    for number, line in enumerate(file.lines(longest), 1):
        if line.strip():
            yield Piece(number, line)


@contextmanager
def written(name: str) -> Iterator[BinaryIO]:
    """A new file of that name, compressed as it ends: ``.zst``, ``.gz``; ``-`` is standard output.

    It gets its name once all of it is on the disk; until then, and after a failure, whatever was
    called so stays as it was.

    Raises:
        Invalid: it cannot be written.
    """
    if name == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(name)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, _NEW, 0o600), "wb") as file:  # for nobody else to read
            with _compressed(file, target.suffix) as stream:
                yield stream
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise Invalid.field(name, error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def _compressed(file: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        match suffix:
            case ".zst":
                compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
                yield stack.enter_context(compressor.stream_writer(file, closefd=False))
            case ".gz":
                yield stack.enter_context(gzip.GzipFile(fileobj=file, mode="wb"))  # type: ignore[misc]
            case _:
                yield file


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
