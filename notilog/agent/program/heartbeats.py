"""A heartbeat that is as large as the server takes: what there is no room for is left out."""

import json
from typing import Any, Final

MOST_BYTES: Final = 60 * 1024
"""The server takes 64 KiB."""

_DETAILS: Final = (200, 60, 0)
"""Characters of what a check says, the fewer the more checks there are."""


def as_text(frame: dict[str, Any]) -> str:
    """A frame as it is sent; names of files need not be UTF-8, but a frame is."""
    text = json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace").decode()


def fitted(beat: dict[str, Any]) -> dict[str, Any]:
    """The heartbeat with all its checks, and with as many of its files as there is room for."""
    slim, left = beat, 0
    for most in _DETAILS:
        checks = [{**check, "detail": check["detail"][:most]} for check in beat["checks"]]
        slim = {**beat, "checks": checks, "files": []}
        left = MOST_BYTES - _size(slim)
        if left >= 0:
            break
    files = []
    for file in beat["files"]:
        left -= _size(file) + 1
        if left < 0:
            break
        files.append(file)
    return {**slim, "files": files}


def _size(value: dict[str, Any]) -> int:
    return len(as_text(value).encode())
