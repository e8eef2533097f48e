"""Telegram's HTML, as strict as the Bot API is about it."""

import re
from html import unescape
from typing import Any

from tests.outside.telegram_refusals import Refused, bad_request

TYPES = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("span", "tg-spoiler"), "spoiler"),
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z0-9-]+)(?P<rest>(?:\s[^<>]*)?)>")
REFERENCE = re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);")
HREF = re.compile(r"href=[\"']([^\"']*)[\"']")


def parsed(markup: str) -> tuple[str, list[dict[str, Any]]]:
    """The text that is shown, and its entities.

    Raises:
        Refused: the Bot API would not take it.
    """
    text, at = "", 0
    entities: list[dict[str, Any]] = []
    opened: list[tuple[str, int, str]] = []
    while (start := markup.find("<", at)) >= 0:
        text += _plain(markup[at:start])
        tag = TAG.match(markup, start)
        name = tag["name"].lower() if tag else ""
        if tag is None or name not in TYPES:
            raise _refused(f'Unsupported start tag "{name}"', markup, start)
        if tag["end"]:
            entities.append(_closed(opened, name, units(text), refusal=(markup, start)))
        else:
            opened.append((name, units(text), tag["rest"]))
        at = tag.end()
    if opened:
        raise _refused(
            f'Can\'t find end tag corresponding to start tag "{opened[-1][0]}"', markup, len(markup)
        )
    return text + _plain(markup[at:]), sorted(entities, key=lambda entity: entity["offset"])


def units(text: str) -> int:
    """How long Telegram says it is."""
    return len(text.encode("utf-16-le")) // 2


def _closed(
    opened: list[tuple[str, int, str]], name: str, end: int, *, refusal: tuple[str, int]
) -> dict[str, Any]:
    if not opened or opened[-1][0] != name:
        raise _refused(f'Unmatched end tag, found "</{name}>"', *refusal)
    _, began, rest = opened.pop()
    entity: dict[str, Any] = {"type": TYPES[name], "offset": began, "length": end - began}
    href = HREF.search(rest)
    return {**entity, "url": href[1]} if href else entity


def _plain(part: str) -> str:
    return REFERENCE.sub(lambda found: unescape(found[0]), part)


def _refused(reason: str, markup: str, at: int) -> Refused:
    offset = len(markup[:at].encode())
    return Refused(bad_request(f"can't parse entities: {reason} at byte offset {offset}"))
