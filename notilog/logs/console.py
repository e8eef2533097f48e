"""Records as lines for a terminal, in the looks that the settings name. Pure.

Nothing of a record reaches the terminal as a control character: what could move the cursor, change
colours or begin a line of its own is shown escaped.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style

from notilog.logs.escapes import safe, safe_json
from notilog.logs.levels import NAMES, NUMBERS
from notilog.logs.looks import ATTRIBUTE, LOCAL, ConsoleSettings, Module
from notilog.logs.stored import StoredRecord
from notilog.zones import zone_named

INDENT: Final = "    "

_BARE: Final = re.compile(r"[^\s\"'=]+")
_MILLISECONDS: Final = "%L"


class Formatter:
    """Formats records one after another.

    Args:
        settings: the looks.
        colors: what the terminal can show; None is plain text.
    """

    def __init__(self, settings: ConsoleSettings, *, colors: ColorSystem | None) -> None:
        shown = [module for module in settings.modules if module.enabled]
        by_itself = {module.name.removeprefix(ATTRIBUTE) for module in shown if _is_attr(module)}
        texts = _texts(settings, by_itself)
        paint = _Paint(settings, colors)
        self._parts = [
            _Part(module, settings, texts.get(module.name) or _attribute(module.name), paint)
            for module in shown
            if module.name != "stack_trace"
        ]
        self._below = next((module for module in shown if module.name == "stack_trace"), None)
        self._paint = paint

    def text(self, record: StoredRecord) -> str:
        """The line of the record, and the lines of its stack trace below it."""
        pieces: list[str] = []
        for part in self._parts:
            text = part.text(record)
            if text:
                pieces += (part.separator if pieces else "", text)
        line = "".join(pieces)
        if self._below is None or not record.stack_trace:
            return line
        return "\n".join((line, *self._trace(self._below, record)))

    def _trace(self, module: Module, record: StoredRecord) -> list[str]:
        lines = (record.stack_trace or "").replace("\r\n", "\n").rstrip("\n").split("\n")
        return [
            INDENT + self._paint(module, safe(line.expandtabs(len(INDENT))), record.level)
            for line in lines
        ]


class _Paint:
    """The style of each module at each level."""

    def __init__(self, settings: ConsoleSettings, colors: ColorSystem | None) -> None:
        self._colors = colors
        self._styles: dict[tuple[str, int], Style] = {
            (module.name, NUMBERS[level]): module.style.style(look if module.level_style else None)
            for module in settings.modules
            for level, look in settings.levels.items()
        }

    def __call__(self, module: Module, text: str, level: int) -> str:
        if self._colors is None:
            return text
        style = self._styles.get((module.name, level))
        return text if style is None else style.render(text, color_system=self._colors)


class _Part:
    """One module of the line."""

    def __init__(
        self,
        module: Module,
        settings: ConsoleSettings,
        value: Callable[[StoredRecord], str | None],
        paint: _Paint,
    ) -> None:
        self._module = module
        self._value = value
        self._paint = paint
        self.separator = settings.separator if module.separator is None else module.separator

    def text(self, record: StoredRecord) -> str:
        text = _aligned(safe(self._value(record) or ""), self._module)
        return self._paint(self._module, text, record.level)


def as_json(record: StoredRecord) -> str:
    """The record as one line of JSON, its level by name; as harmless to a terminal as `safe`."""
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    line = msgspec.json.encode({**fields, "level": _level(record)}).decode()
    return safe_json(line)


def color_system(console: Console) -> ColorSystem | None:
    """What the console can show: nothing but text when it is no terminal or wants no colours."""
    if not console.is_terminal or console.no_color or console.color_system is None:
        return None
    return COLOR_SYSTEMS[console.color_system]


def _aligned(text: str, module: Module) -> str:
    width = module.width
    if not width:
        return text
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + "…" if module.cut else text
    left = {"left": 0, "right": width - size, "center": (width - size) // 2}[module.align]
    return " " * left + text + " " * (width - size - left)


def _texts(
    settings: ConsoleSettings, by_itself: set[str]
) -> dict[str, Callable[[StoredRecord], str | None]]:
    """How the text of each module is found, but for single attributes."""
    return {
        "time": _clock(settings),
        "level": lambda record: _level(record).upper(),
        "project": lambda record: record.project,
        "module": lambda record: record.module,
        "message": lambda record: record.message,
        "attrs": lambda record: _pairs(record.attrs, by_itself),
        "host": lambda record: record.host,
        "service": lambda record: record.service,
        "environment": lambda record: record.environment,
        "logger": lambda record: record.logger,
        "trace_id": lambda record: record.trace_id,
        "span_id": lambda record: record.span_id,
        "request_id": lambda record: record.request_id,
        "id": lambda record: str(record.id),
    }


def _clock(settings: ConsoleSettings) -> Callable[[StoredRecord], str]:
    zone = None if settings.timezone == LOCAL else zone_named(settings.timezone)
    before, *after = settings.time_format.split(_MILLISECONDS)

    def text(record: StoredRecord) -> str:
        moment = _in_zone(record.ts, zone)
        milliseconds = f"{moment.microsecond // 1000:03}"
        return milliseconds.join(moment.strftime(part) for part in (before, *after))

    return text


def _in_zone(moment: datetime, zone: Any) -> datetime:
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):  # the first or last hours that Python knows
        return moment.astimezone(UTC)


def _level(record: StoredRecord) -> str:
    return NAMES.get(record.level, str(record.level))


def _is_attr(module: Module) -> bool:
    return module.name.startswith(ATTRIBUTE)


def _attribute(name: str) -> Callable[[StoredRecord], str | None]:
    key = name.removeprefix(ATTRIBUTE)

    def text(record: StoredRecord) -> str | None:
        value = (record.attrs or {}).get(key)
        return value if value is None or isinstance(value, str) else _json(value)

    return text


def _pairs(attrs: dict[str, Any] | None, without: set[str]) -> str:
    """``key=value`` of the attributes; a text that could be mistaken is quoted."""
    if not attrs:
        return ""
    return " ".join(
        f"{name}={_shown(value)}" for name, value in attrs.items() if name not in without
    )


def _shown(value: object) -> str:
    bare = isinstance(value, str) and _BARE.fullmatch(value)
    return str(value) if bare else _json(value)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
