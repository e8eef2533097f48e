"""An alert in words: which rule, where, when, the line, and how many there were. Pure.

What is given holds rule (a name), said (matched, more, missing or back), at and since (RFC 3339, or
None), count, within_seconds, project and module, and the line: ts, level, project, module, message
and more, or None.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from notilog.notifications.words import Words, form_of

LEVELS: Final[dict[int, str]] = {
    5: "TRACE",
    10: "DEBUG",
    20: "INFO",
    25: "NOTICE",
    30: "WARNING",
    40: "ERROR",
    50: "CRITICAL",
}
SHORT: Final = 200


@dataclass(frozen=True, slots=True)
class Described:
    """The parts of an alert; ``news`` and ``line`` may be empty."""

    name: str
    origin: str
    level: str
    when: str
    news: str
    line: str

    @property
    def title(self) -> str:
        return " — ".join(part for part in (self.name, self.origin) if part)

    def values(self) -> dict[str, str]:
        return asdict(self)

    def entry(self) -> dict[str, str]:
        """As one of several in a digest."""
        line = " ".join(self.line.split())
        short = line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"
        news = ". ".join(part for part in (self.news, short) if part)
        return {"name": self.title, "when": self.when, "news": news}


def described(content: Mapping[str, Any], words: Words, timezone: str) -> Described:
    """The alert in the reader's language and on their clocks."""
    line: Mapping[str, Any] = content["line"] or {}
    zone = ZoneInfo(timezone)
    said_at = datetime.fromisoformat(content["at"]).astimezone(zone)
    is_of_line = content["said"] == "matched" and line
    at = _moment(line["ts"], zone) or said_at if is_of_line else said_at
    places = (content["project"], content["module"])
    return Described(
        name=_in_one_line(content["rule"]),
        origin=_in_one_line("/".join(place for place in places if place)),
        level=LEVELS.get(line.get("level", 0), ""),
        when=f"{words.day(at)}, {at:%H:%M:%S} ({timezone})",
        news=_news(content, words, zone),
        line=str(line.get("message", "")),
    )


def _news(content: Mapping[str, Any], words: Words, zone: ZoneInfo) -> str:
    said, count = content["said"], content["count"]
    if said == "back":
        return words.alerts.back
    if said == "matched" and count == 1:
        return ""
    within = words.alerts.duration(content["within_seconds"] or 0)
    since = content["since"] and _moment(content["since"], zone)
    told = {"count": count, "within": within, "since": since and words.moment(since)}
    return form_of(getattr(words.alerts, said), count).format(**told)


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """On the clocks of the zone; None at the ends of the calendar, where some have no time."""
    try:
        return datetime.fromisoformat(text).astimezone(zone)
    except OverflowError:
        return None


def _in_one_line(text: object) -> str:
    return " ".join(str(text).split())
