"""Texts that fit into a message of Telegram. Pure."""

from collections.abc import Sequence

MOST = 4096
"""Of the code units of UTF-16, which is how Telegram counts."""


def size(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shortened(text: str, most: int) -> str:
    """On one line, and not longer than ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def cut(lines: Sequence[str], *, more: str) -> str:
    """As many whole lines as fit; ``more`` says of how many others there is no room."""
    if size("\n".join(lines)) <= MOST:
        return "\n".join(lines)
    room = MOST - size(more.format(count=len(lines))) - 1
    kept = 0
    for line in lines:
        room -= size(line) + 1
        if room < 0:
            break
        kept += 1
    left = sum(1 for line in lines[kept:] if line.startswith(" "))
    return "\n".join([*lines[:kept], more.format(count=left)])
