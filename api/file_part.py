"""A file, or a range of its bytes, as an answer: what the file had when it was opened, no more."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.errors import problem
from notilog.logs.files.reading import Opened

TEXT: Final = "text/plain; charset=utf-8"
ZSTD: Final = "application/zstd"
_BLOCK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class _Part(StreamingResponse):
    def __init__(self, descriptor: int, part: range, status: int, headers: dict[str, str]) -> None:
        self._descriptor = descriptor
        super().__init__(_blocks(descriptor, part), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)


def answer(found: Opened, *, asked: str | None, only_if: str | None) -> Response:
    """All of an opened file, or the range of it that is asked for; it closes the file.

    Args:
        found: the file.
        asked: the header Range; several ranges at once, and what is no range, are all of it.
        only_if: the header If-Range; another state of the file is sent whole.
    """
    size = found.file.size
    changed = format_datetime(found.file.modified.replace(microsecond=0), usegmt=True)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment; filename*=utf-8''{_last_part(found.file.name)}",
        "Content-Type": ZSTD if found.file.archived else TEXT,
        "ETag": found.tag,
        "Last-Modified": changed,
    }
    whole = range(size)
    part = whole if only_if not in (None, found.tag, changed) else _part(asked, size)
    if part is None:
        os.close(found.descriptor)
        return problem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the file has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    headers["Content-Length"] = str(len(part))
    if part == whole:
        return _Part(found.descriptor, whole, HTTPStatus.OK, headers)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return _Part(found.descriptor, part, HTTPStatus.PARTIAL_CONTENT, headers)


def _last_part(name: str) -> str:
    return quote(name.rpartition("/")[2])


def _part(asked: str | None, size: int) -> range | None:
    """The bytes that are asked for; None when there are none such."""
    found = _RANGE.fullmatch((asked or "").replace(" ", ""))
    if found is None or not any(found.groups()):
        return range(size)
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if last and first and int(last) < int(first):
        return range(size)
    return range(start, stop) if start < stop else None


async def _blocks(descriptor: int, part: range) -> AsyncIterator[bytes]:
    at = part.start
    while at < part.stop:
        block = await asyncio.to_thread(os.pread, descriptor, min(_BLOCK, part.stop - at), at)
        if not block:
            raise EOFError("the file was cut while it was being sent")
        at += len(block)
        yield block
