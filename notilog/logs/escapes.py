"""Texts from outside made harmless: nothing that a terminal obeys, or that pretends to be a line.

Escaped are the control characters of both sets, the separators of lines and paragraphs, what turns
the direction of the text around it, and halves of characters. What joins emoji stays. Pure.
"""

import re
from typing import Final

UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SHORT: Final = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}
_ONE_BYTE: Final = 0xFF


def safe(text: str) -> str:
    r"""The text, with what is unsafe shown as an escape such as ``\x1b``."""
    return text if text.isprintable() else UNSAFE.sub(_escaped, text)


def unmistakable(text: str) -> str:
    """The same, and a backslash of the text's own stands twice: so it can be read back."""
    return safe(text.replace("\\", r"\\"))


def safe_json(text: str) -> str:
    """The same JSON, with what is unsafe and JSON would leave as it is as escapes of JSON."""
    return text if text.isprintable() else UNSAFE.sub(_escaped_in_json, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{code:02x}" if code <= _ONE_BYTE else f"\\u{code:04x}")


def _escaped_in_json(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
