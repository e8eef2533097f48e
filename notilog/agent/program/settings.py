"""What the server tells the agent to do, checked by hand: another machine has no pydantic.

Members that are not known are passed over, so that a newer server can say more than an older agent
understands; null is the same as absent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from notilog.agent.program.allowed import EVERYTHING, Allowed

NAME_LENGTH: Final = 200
MOST_FILES: Final = 200
MOST_CHECKS: Final = 200
LONGEST_NAMES: Final = 20_000
"""Bytes of the names of all checks, which every heartbeat has."""
LEVELS: Final = ("trace", "debug", "info", "notice", "warning", "error", "critical")

_HIGHEST_PORT: Final = 65535
_STATUSES: Final = range(100, 600)
_CHECK_SECONDS: Final = (1, 86_400)
_PATH_LENGTH: Final = 4096
_NO_HOST: Final = "this machine does not allow to connect there (--allow-host)"


@dataclass(frozen=True, slots=True)
class FileRule:
    """Files to follow and what their lines become."""

    path: str
    project: str
    module: str | None = None
    level: str = "info"


@dataclass(frozen=True, slots=True)
class JournalRule:
    """The journal of systemd: of these units, or of all when there are none."""

    project: str
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessCheck:
    """A process of this name, or with this text in its command line, runs."""

    name: str
    match: str
    kind: str = "process"


@dataclass(frozen=True, slots=True)
class PortCheck:
    """Something takes TCP connections there."""

    name: str
    host: str
    port: int
    kind: str = "port"


@dataclass(frozen=True, slots=True)
class UrlCheck:
    """The address answers with this status; redirects are not followed."""

    name: str
    url: str
    status: int = 200
    kind: str = "url"


@dataclass(frozen=True, slots=True)
class UnitCheck:
    """systemd calls the unit active."""

    name: str
    unit: str
    kind: str = "unit"


Check = ProcessCheck | PortCheck | UrlCheck | UnitCheck


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the agent is to do."""

    files: tuple[FileRule, ...] = ()
    journald: JournalRule | None = None
    checks: tuple[Check, ...] = ()
    check_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one member, such as ``files.0.path``."""

    field: str
    reason: str


class BadSettings(ValueError):
    """Settings that cannot be followed."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{one.field}: {one.reason}" for one in problems))
        self.problems = problems


def settings_of(given: object, allowed: Allowed = EVERYTHING) -> Settings:
    """The settings from the server's JSON, as far as this machine allows them.

    Raises:
        BadSettings: with every problem that was found.
    """
    reading = _Reading(allowed)
    if not isinstance(given, Mapping):
        raise BadSettings([Problem("settings", "an object is expected")])
    files = reading.each(given, "files", read=_file, most=MOST_FILES)
    checks = reading.each(given, "checks", read=_check, most=MOST_CHECKS)
    journald = None
    if given.get("journald") is not None:
        journald = _journal(reading, given["journald"], "journald")
    seconds = given.get("check_seconds")
    made = Settings(
        tuple(one for one in files if one is not None),
        journald,
        tuple(one for one in checks if one is not None),
        15.0 if seconds is None else reading.number(seconds, "check_seconds", _CHECK_SECONDS),
    )
    names = [one.name for one in made.checks]
    for index, name in enumerate(names):
        if name in names[:index]:
            reading.wrong(f"checks.{index}.name", "another check has this name")
    if sum(len(name.encode(errors="replace")) for name in names) > LONGEST_NAMES:
        reading.wrong("checks", f"names of at most {LONGEST_NAMES} bytes together are allowed")
    if reading.problems:
        raise BadSettings(reading.problems)
    return made


@dataclass(slots=True)
class _Reading:
    """Collects what is wrong while members are read; a wrong member reads as something harmless."""

    allowed: Allowed
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, where: str, reason: str) -> None:
        self.problems.append(Problem(where, reason))

    def members(self, value: object, where: str) -> Mapping[str, Any] | None:
        if isinstance(value, Mapping):
            return value
        self.wrong(where, "an object is expected")
        return None

    def each(
        self,
        given: Mapping[str, Any],
        name: str,
        *,
        read: "Callable[[_Reading, object, str], Any]",
        most: int,
    ) -> list[Any]:
        values = given.get(name)
        if values is None:
            return []
        if not isinstance(values, list):
            self.wrong(name, "a list is expected")
            return []
        if len(values) > most:
            self.wrong(name, f"at most {most} are allowed")
            return []
        return [read(self, value, f"{name}.{index}") for index, value in enumerate(values)]

    def text(self, given: Mapping[str, Any], name: str, where: str, longest: int = 200) -> str:
        value = given.get(name)
        if not isinstance(value, str) or not value.strip():
            self.wrong(f"{where}.{name}", "a text is expected")
        elif len(value) > longest or not value.isprintable():
            self.wrong(f"{where}.{name}", f"at most {longest} printable characters are allowed")
        else:
            return value
        return ""

    def number(self, value: object, where: str, bounds: tuple[int, int]) -> float:
        least, most = bounds
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(where, "a number is expected")
        elif not least <= value <= most:
            self.wrong(where, f"a number from {least} to {most} is expected")
        else:
            return value
        return least


def _file(reading: _Reading, value: object, where: str) -> FileRule | None:
    given = reading.members(value, where)
    if given is None:
        return None
    path = reading.text(given, "path", where, _PATH_LENGTH)
    if path and not path.startswith("/"):
        reading.wrong(f"{where}.path", "a path from the root (/) is expected")
    elif path and not reading.allowed.may_follow(path):
        reading.wrong(f"{where}.path", "this machine does not allow it (--allow-path)")
    level = given.get("level") or "info"
    if level not in LEVELS:
        reading.wrong(f"{where}.level", f"one of {', '.join(LEVELS)} is expected")
    module = None if given.get("module") is None else reading.text(given, "module", where)
    return FileRule(path, reading.text(given, "project", where), module, str(level))


def _journal(reading: _Reading, value: object, where: str) -> JournalRule | None:
    given = reading.members(value, where)
    if given is None:
        return None
    units = given.get("units") or []
    if not isinstance(units, list):
        reading.wrong(f"{where}.units", "a list is expected")
        units = []
    names = {str(index): unit for index, unit in enumerate(units)}
    read = tuple(_unit_name(reading, names, index, f"{where}.units") for index in names)
    return JournalRule(reading.text(given, "project", where), read)


def _unit_name(reading: _Reading, given: Mapping[str, Any], name: str, where: str) -> str:
    unit = reading.text(given, name, where)
    if unit.startswith("-"):  # it becomes an argument of a program
        reading.wrong(f"{where}.{name}", "the name of a unit is expected")
    return unit


def _process(reading: _Reading, given: Mapping[str, Any], where: str) -> Check:
    return ProcessCheck(
        reading.text(given, "name", where), reading.text(given, "match", where, _PATH_LENGTH)
    )


def _port(reading: _Reading, given: Mapping[str, Any], where: str) -> Check:
    host = "127.0.0.1" if given.get("host") is None else reading.text(given, "host", where, 255)
    if host and not reading.allowed.may_ask(host):
        reading.wrong(f"{where}.host", _NO_HOST)
    port = reading.number(given.get("port"), f"{where}.port", (1, _HIGHEST_PORT))
    return PortCheck(reading.text(given, "name", where), host, int(port))


def _url(reading: _Reading, given: Mapping[str, Any], where: str) -> Check:
    url = reading.text(given, "url", where, _PATH_LENGTH)
    if url and not _is_url(url):
        reading.wrong(f"{where}.url", "an address such as http://127.0.0.1/ is expected")
    elif url and not reading.allowed.may_ask(urlsplit(url).hostname or ""):
        reading.wrong(f"{where}.url", _NO_HOST)
    status = given.get("status")
    bounds = (_STATUSES.start, _STATUSES.stop - 1)
    read = 200 if status is None else int(reading.number(status, f"{where}.status", bounds))
    return UrlCheck(reading.text(given, "name", where), url, read)


def _unit(reading: _Reading, given: Mapping[str, Any], where: str) -> Check:
    unit = _unit_name(reading, given, "unit", where)
    return UnitCheck(reading.text(given, "name", where), unit)


CHECKS: Final = {"process": _process, "port": _port, "url": _url, "unit": _unit}


def _check(reading: _Reading, value: object, where: str) -> Check | None:
    given = reading.members(value, where)
    if given is None:
        return None
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in CHECKS:
        reading.wrong(f"{where}.kind", f"one of {', '.join(CHECKS)} is expected")
        return None
    return CHECKS[kind](reading, given, where)


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
