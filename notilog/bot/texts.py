"""Texts that fit into a message of Telegram. Pure."""

from collections.abc import Sequence

from notilog.notifications.channels.telegram_text import LONGEST, units


def shortened(text: str, most: int) -> str:
    """On one line, and not longer than ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def cut(lines: Sequence[str], *, more: str) -> str:
    """As many whole lines as fit; ``more`` says of how many others there is no room."""
    if units("\n".join(lines)) <= LONGEST:
        return "\n".join(lines)
    room = LONGEST - units(more.format(count=len(lines))) - 1
    kept = 0
    for line in lines:
        room -= units(line) + 1
        if room < 0:
            break
        kept += 1
    left = sum(1 for line in lines[kept:] if line.startswith(" "))
    return "\n".join([*lines[:kept], more.format(count=left)])
