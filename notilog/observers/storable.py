"""Texts of any server, made fit to be stored. Pure."""

from typing import Final

LONGEST_TEXT: Final = 200


def storable(text: str, *, longest: int = LONGEST_TEXT) -> str:
    """The text without NUL and halves of surrogate pairs, cut to so many characters."""
    if text.isascii() and "\0" not in text and len(text) <= longest:
        return text
    whole = text[:longest].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "")
