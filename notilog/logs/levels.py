"""Levels of records: seven names, their numbers, and the spellings that are understood."""

from typing import Final

NUMBERS: Final[dict[str, int]] = {
    "trace": 5,
    "debug": 10,
    "info": 20,
    "notice": 25,
    "warning": 30,
    "error": 40,
    "critical": 50,
}
NAMES: Final[dict[int, str]] = {number: name for name, number in NUMBERS.items()}

_SPELLINGS: Final[dict[str, int]] = {
    **NUMBERS,
    "warn": NUMBERS["warning"],
    "err": NUMBERS["error"],
    "fatal": NUMBERS["critical"],
}
# Every usual spelling is found by one look-up, without lowering the text first.
_KNOWN: Final[dict[str | int, int]] = {
    **{name.lower(): number for name, number in _SPELLINGS.items()},
    **{name.upper(): number for name, number in _SPELLINGS.items()},
    **{name.capitalize(): number for name, number in _SPELLINGS.items()},
    **{number: number for number in NAMES},
}
HIGHEST_NUMBER: Final = 100


def number_of(level: str | int) -> int:
    """The number of a level given by name or by one of Python's numbers (``"30"``, 30, 35).

    A number between two levels is the lower one.

    Raises:
        ValueError: no level is called so.
    """
    known = _KNOWN.get(level)
    if known is not None:
        return known
    if isinstance(level, str):
        named = _SPELLINGS.get(level.strip().lower())
        if named is not None:
            return named
    number = int(level) if str(level).isascii() and str(level).isdigit() else 0
    if not 0 < number <= HIGHEST_NUMBER:
        raise ValueError(f"no such level; use one of {', '.join(NUMBERS)}")
    return max((known for known in NAMES if known <= number), default=NUMBERS["trace"])
