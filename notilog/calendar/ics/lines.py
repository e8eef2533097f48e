"""Content lines and components of RFC 5545, with the line of the file each one stands on. Pure.

icalendar's parser does not say where it stumbled, and remembers the time zones of one file for the
next; so files are taken apart here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from icalendar.parser import rfc_6868_unescape

from notilog.calendar.ics.malformed import MalformedCalendar

LARGEST_FILE: Final = 5 * 1024 * 1024
LONGEST_LINE: Final = 1024 * 1024
DEEPEST: Final = 8

_BREAK: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
# Characters that RFC 5545 allows nowhere; they carry nothing.
_CONTROLS: Final = dict.fromkeys([*range(9), *range(10, 32), 127])
_PROPERTY: Final = re.compile(r'([A-Za-z0-9._-]+)((?:;(?:[^":]++|"[^"]*+")*+)?):(.*)')
_PARAMETER: Final = re.compile(r';\s*([A-Za-z0-9-]+)\s*=((?:"[^"]*+"|[^";]++)*+)')
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Line:
    """One content line, unfolded; ``number`` is that of its first line in the file."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Property:
    """One property; names of parameters are in capitals, their values without quotes."""

    line: int
    name: str
    params: dict[str, str]
    value: str


@dataclass(slots=True)
class Component:
    """What stands between BEGIN and END: properties that are not looked at yet, and components."""

    name: str
    line: int
    lines: list[Line] = field(default_factory=list)
    components: list["Component"] = field(default_factory=list)

    def properties(self) -> list[Property]:
        """The properties in order.

        Raises:
            MalformedCalendar: a line is none.
        """
        return [property_of(line) for line in self.lines]

    def texts(self) -> Iterator[str]:
        """The content lines of all of it, unfolded."""
        yield f"BEGIN:{self.name}"
        yield from (line.text for line in self.lines)
        for component in self.components:
            yield from component.texts()
        yield f"END:{self.name}"


def property_of(line: Line) -> Property:
    """Take a content line apart.

    Raises:
        MalformedCalendar: it has no name or no value.
    """
    found = _PROPERTY.fullmatch(line.text)
    if found is None:
        raise MalformedCalendar.at(
            line.number, f"must be a property, such as SUMMARY:Lunch, not {shown(line.text)}"
        )
    params = {
        name.upper(): rfc_6868_unescape(value.strip().replace('"', ""))
        for name, value in _PARAMETER.findall(found[2])
    }
    return Property(line.number, found[1].upper(), params, found[3])


def shown(text: str) -> str:
    """A text from the file for a message: quoted and not long."""
    return f'"{text if len(text) <= _SHOWN else text[:_SHOWN] + "…"}"'


def calendars_of(text: bytes) -> list[Component]:
    """The VCALENDAR components of a file.

    Raises:
        MalformedCalendar: it is too large, not UTF-8, or what begins does not end.
    """
    found: list[Component] = []
    open_ones: list[Component] = []
    for line in _content_lines(text):
        keyword, _, name = line.text.partition(":")
        match keyword.strip().upper():
            case "BEGIN":
                _begin(line, name.strip().upper(), open_ones)
            case "END":
                _end(line, name.strip().upper(), open_ones, found)
            case _ if open_ones:
                open_ones[-1].lines.append(line)
            case _:
                raise MalformedCalendar.at(
                    line.number, f"must be BEGIN:VCALENDAR, not {shown(line.text)}"
                )
    if open_ones:
        last = open_ones[-1]
        raise MalformedCalendar.at(last.line, f"BEGIN:{last.name} without END:{last.name}")
    if not found:
        raise MalformedCalendar.at(1, "must be a calendar: BEGIN:VCALENDAR is missing")
    return found


def _begin(line: Line, name: str, open_ones: list[Component]) -> None:
    if not open_ones and name != "VCALENDAR":
        raise MalformedCalendar.at(line.number, f"must be BEGIN:VCALENDAR, not {shown(line.text)}")
    if len(open_ones) == DEEPEST:
        raise MalformedCalendar.at(line.number, f"components are nested deeper than {DEEPEST}")
    component = Component(name, line.number)
    if open_ones:
        open_ones[-1].components.append(component)
    open_ones.append(component)


def _end(line: Line, name: str, open_ones: list[Component], found: list[Component]) -> None:
    if not open_ones:
        raise MalformedCalendar.at(line.number, f"END:{name} without BEGIN:{name}")
    if open_ones[-1].name != name:
        begun = open_ones[-1]
        raise MalformedCalendar.at(
            line.number, f"must be END:{begun.name}, begun on line {begun.line}, not END:{name}"
        )
    ended = open_ones.pop()
    if not open_ones:
        found.append(ended)


def _content_lines(text: bytes) -> Iterator[Line]:
    if len(text) > LARGEST_FILE:
        raise MalformedCalendar.at(1, f"the file is larger than {LARGEST_FILE} bytes")
    if text.startswith(_UTF_16):
        raise MalformedCalendar.at(1, "must be UTF-8, not UTF-16")
    text = text.removeprefix(_BOM)
    nul = text.find(b"\0")
    if nul >= 0:
        number = sum(1 for _ in _BREAK.finditer(text, 0, nul)) + 1
        raise MalformedCalendar.at(number, "has a NUL byte")
    begun, parts, length = 0, list[bytes](), 0
    for number, chunk in _physical(text):
        if not chunk:
            continue
        if chunk[:1] in {b" ", b"\t"} and parts:
            parts.append(chunk[1:])
        else:
            yield from _unfolded(begun, parts)
            begun, parts, length = number, [chunk], 0
        length += len(chunk)
        if length > LONGEST_LINE:
            raise MalformedCalendar.at(begun, f"is longer than {LONGEST_LINE} bytes")
    yield from _unfolded(begun, parts)


def _physical(text: bytes) -> Iterator[tuple[int, bytes]]:
    number, start = 1, 0
    for number, found in enumerate(_BREAK.finditer(text), 1):
        yield number, text[start : found.start()]
        start = found.end()
    yield number + (start > 0), text[start:]


def _unfolded(number: int, parts: list[bytes]) -> Iterator[Line]:
    """Joined before it is decoded: some programs fold within a character."""
    if not parts:
        return
    try:
        text = b"".join(parts).decode()
    except UnicodeDecodeError as error:
        raise MalformedCalendar.at(number, "must be UTF-8") from error
    text = text.translate(_CONTROLS)
    if text.strip():
        yield Line(number, text)
