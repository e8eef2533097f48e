"""Files of lines as they lie about: plain, gzip or zstd, or standard input; read once, in order."""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from notilog.errors import Invalid

STANDARD_INPUT: Final = "-"

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_LARGEST_WINDOW: Final = 128 * 1024 * 1024
_CHUNK: Final = 4096  # small, since what it unpacks to may be a thousand times as much
_DAMAGED: Final = (EOFError, OSError, zlib.error, zstandard.ZstdError)


class TextFile:
    """An open file; `lines` may be asked for once."""

    def __init__(self, raw: io.BufferedReader, name: str) -> None:
        self.name = name
        self.size: int | None = None
        """Bytes, compressed as they are; None of a pipe, which ends when it ends."""
        self.modified: datetime | None = None
        self.damage: str | None = None
        """Why reading ended before the end; what was read before that is good."""
        self._raw = raw
        self._taken = 0
        found = os.fstat(raw.fileno())
        if stat.S_ISREG(found.st_mode):
            self.size = found.st_size
            self.modified = datetime.fromtimestamp(found.st_mtime, tz=UTC)

    @property
    def position(self) -> int:
        """How many of `size` bytes are read, or how many bytes of a pipe."""
        return self._taken if self.size is None else self._raw.tell()

    def lines(self, longest: int) -> Iterator[bytes]:
        """Every line without its end; of one that is too long, ``longest + 1`` bytes."""
        try:
            source = _unpacked(self._raw)
            while line := source.readline(longest + 2):
                self._taken += len(line)
                if not line.endswith(b"\n") and len(line) > longest:
                    self._skip_rest(source)
                yield line.rstrip(b"\r\n")[: longest + 1]
        except _DAMAGED as error:
            self.damage = str(error) or type(error).__name__

    def _skip_rest(self, source: BinaryIO) -> None:
        while (rest := source.readline(1 << 16)) and not rest.endswith(b"\n"):
            self._taken += len(rest)


@contextmanager
def opened(name: str) -> Iterator[TextFile]:
    """The file of that name; ``-`` is standard input.

    Raises:
        Invalid: it cannot be opened.
    """
    try:
        raw = Path(name).open("rb") if name != STANDARD_INPUT else open(0, "rb", closefd=False)  # noqa: SIM115
    except OSError as error:
        raise Invalid.field(name, error.strerror or str(error)) from error
    with raw:
        yield TextFile(raw, name)


def _unpacked(raw: io.BufferedReader) -> BinaryIO:
    begin = raw.peek(len(_ZSTD))
    if begin.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]  # it is one
    if begin.startswith(_ZSTD):
        return io.BufferedReader(_Zstd(raw))
    return raw


class _Zstd(io.RawIOBase):
    """The frames of a zstd file; that of the library takes one that is cut off for whole."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._left:
            chunk = self._raw.read(_CHUNK)
            if not chunk and self._frame is not None:
                raise EOFError("the zstd data end too early")
            if not chunk:
                return 0
            self._left = memoryview(b"".join(self._more(chunk)))
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _more(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            yield self._frame.decompress(chunk)
            chunk = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
