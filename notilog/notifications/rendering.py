"""Putting a delivery into words, in the person's language and time zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from notilog.notifications import alert_texts, incident_texts, templates
from notilog.notifications.channels.channel import Action, Calendar, Markup, Message
from notilog.notifications.words import Words, words_of

ONE_DAY: Final = timedelta(days=1)
LISTED: Final = 25
"""Most entries of a message that tells of many."""
NEWS: Final = {"alert": alert_texts.described, "incident": incident_texts.described}
"""By their kinds, what puts messages into words that are about no event."""
ANSWERS: Final[tuple[Action, ...]] = ("yes", "maybe", "no")
SNOOZES: Final[dict[Action, timedelta]] = {
    "snooze_10m": timedelta(minutes=10),
    "snooze_1h": timedelta(hours=1),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom it is put into words, and on which channel, in which markup."""

    login: str
    language: str
    timezone: str
    channel: str
    markup: Markup


@dataclass(frozen=True, slots=True)
class Part:
    """One of several deliveries that are told of together."""

    kind: str
    content: Mapping[str, Any]


def reminder(
    delivery_id: UUID,
    content: Mapping[str, Any],
    *,
    reader: Reader,
    due_at: datetime,
    late: bool,
    kind: str = "reminder",
) -> Message:
    """The reminder of an event as a message.

    ``content`` holds name, description, start and end (RFC 3339), timezone (of the event),
    all_day, before, and organizer (a login).
    """
    words = words_of(reader.language)
    described = _described(content, words, reader.timezone)
    told = ""
    if late:
        local = due_at.astimezone(ZoneInfo(reader.timezone))
        told = words.late.format(due=words.moment(local))
    text, html = _written(("reminder", "event"), reader, described.values(late=told))
    answers = () if content.get("organizer") == reader.login else ANSWERS
    return Message(
        id=delivery_id,
        kind=kind,
        title=f"{described.name} — {described.began}",
        text=text,
        html=html,
        language=reader.language,
        due_at=due_at,
        data=content,
        actions=answers + _snoozes(datetime.fromisoformat(content["start"]), due_at),
    )


def _snoozes(start: datetime, due_at: datetime) -> tuple[Action, ...]:
    """The snoozes after which the reminder is still of use."""
    return tuple(action for action, length in SNOOZES.items() if due_at + length < start)


def tidings(
    delivery_id: UUID,
    content: Mapping[str, Any],
    *,
    kind: str,
    reader: Reader,
    due_at: datetime,
    late: bool,  # noqa: ARG001  # what happened is told all the same
) -> Message:
    """That somebody is asked to an event, or that it was changed or cancelled.

    ``content`` is a reminder's, without before, and has the author's name; for a mail programme
    also ``calendar``, with the method and text of a calendar file.
    """
    words = words_of(reader.language)
    described = _described(content, words, reader.timezone)
    news = _news(kind, content, words)
    text, html = _written((kind, "event"), reader, described.values(news=news))
    calendar = content.get("calendar")
    return Message(
        id=delivery_id,
        kind=kind,
        title=f"{news}: {described.name} — {described.began}",
        text=text,
        html=html,
        language=reader.language,
        due_at=due_at,
        data={key: value for key, value in content.items() if key != "calendar"},
        calendar=calendar and Calendar(calendar["method"], calendar["text"]),
        actions=() if kind == "cancellation" else ANSWERS,
    )


def alert(
    delivery_id: UUID,
    content: Mapping[str, Any],
    *,
    reader: Reader,
    due_at: datetime,
    late: bool,  # noqa: ARG001  # the line has its own time
    kind: str = "alert",
) -> Message:
    """What a rule of alerts has to say, or what happened to an incident.

    See `notilog.notifications.alert_texts` and `notilog.notifications.incident_texts` for
    ``content``.
    """
    words = words_of(reader.language)
    told = NEWS[kind](content, words, reader.timezone)
    kinds = tuple(dict.fromkeys((kind, "alert")))
    text, html = _written(kinds, reader, told.values())
    return Message(
        id=delivery_id,
        kind=kind,
        title=told.title,
        text=text,
        html=html,
        language=reader.language,
        due_at=due_at,
        data=content,
    )


def digest(
    delivery_id: UUID, parts: Sequence[Part], *, reader: Reader, due_at: datetime
) -> Message:
    """Many deliveries to one person as one message, in the order in which their events begin."""
    words = words_of(reader.language)
    parts = sorted(parts, key=lambda part: str(part.content.get("start", "")))
    entries = [_entry(part, words, reader.timezone) for part in parts[:LISTED]]
    names = ", ".join(dict.fromkeys(entry["name"] for entry in entries[:3]))
    heading = words.counted(len(parts))
    rest = len(parts) - len(entries)
    values = {
        "heading": heading,
        "entries": entries,
        "more": words.more.format(rest) if rest else "",
    }
    text, html = _written(("digest",), reader, values)
    contents = [{k: v for k, v in part.content.items() if k != "calendar"} for part in parts]
    return Message(
        id=delivery_id,
        kind="digest",
        title=f"{heading}: {names}",
        text=text,
        html=html,
        language=reader.language,
        due_at=due_at,
        data={"items": contents},
    )


def _entry(part: Part, words: Words, timezone: str) -> dict[str, str]:
    if part.kind in NEWS:
        return NEWS[part.kind](part.content, words, timezone).entry()
    if "start" not in part.content:  # a test message
        return {"name": words.trial_title, "when": words.trial_text, "news": ""}
    described = _described(part.content, words, timezone)
    news = _news(part.kind, part.content, words) if part.kind in words.tidings else ""
    return {"name": described.name, "when": described.when, "news": news}


def trial(
    delivery_id: UUID,
    content: Mapping[str, Any] | None = None,
    *,
    reader: Reader,
    due_at: datetime,
    late: bool = False,  # noqa: ARG001  # it shows that the channel works, whenever it comes
) -> Message:
    """What somebody sends to see whether a channel works."""
    words = words_of(reader.language)
    text, html = _written(("test",), reader, {})
    return Message(
        id=delivery_id,
        kind="test",
        title=words.trial_title,
        text=text,
        html=html,
        language=reader.language,
        due_at=due_at,
        data=content or {},
    )


def _written(kinds: tuple[str, ...], reader: Reader, values: Mapping[str, Any]) -> tuple[str, str]:
    """The plain text and, when the channel has a markup, the text in it."""
    filled = {**values, "language": reader.language, "words": words_of(reader.language)}
    shape = {"channel": reader.channel, "language": reader.language}
    text = templates.rendered(kinds, templates.PLAIN, values=filled, **shape)
    if not reader.markup:
        return text, ""
    return text, templates.rendered(kinds, reader.markup, values=filled, **shape)


@dataclass(frozen=True, slots=True)
class _Described:
    """An event in words: its name, when it begins, and when it is."""

    name: str
    began: str
    when: str
    description: str

    def values(self, *, late: str = "", news: str = "") -> dict[str, str]:
        return {
            "name": self.name,
            "when": self.when,
            "description": self.description,
            "late": late,
            "news": news,
        }


def _described(content: Mapping[str, Any], words: Words, timezone: str) -> _Described:
    zone = ZoneInfo(timezone)
    start = datetime.fromisoformat(content["start"])
    end = datetime.fromisoformat(content["end"])
    if content["all_day"]:
        event_zone = ZoneInfo(content["timezone"])
        began, when = _days(start.astimezone(event_zone), end.astimezone(event_zone), words)
    else:
        began, when = _hours(start.astimezone(zone), end.astimezone(zone), words, timezone)
    return _Described(_line(content["name"]), began, when, str(content["description"] or ""))


def _news(kind: str, content: Mapping[str, Any], words: Words) -> str:
    return words.tidings[kind].format(author=_line(content["author"]))


def _line(text: object) -> str:
    """Without line breaks, which a title must not have."""
    return " ".join(str(text).split())


def _hours(start: datetime, end: datetime, words: Words, timezone: str) -> tuple[str, str]:
    began = words.moment(start)
    if end == start:
        return began, f"{began} ({timezone})"
    same_day = end.date() == start.date()
    ended = f"{end:%H:%M}" if same_day else words.moment(end)
    return began, f"{began} – {ended} ({timezone})"


def _days(start: datetime, end: datetime, words: Words) -> tuple[str, str]:
    """Days are half-open: the event of one day ends at the next midnight."""
    first, last = words.day(start), words.day(max(start, end - ONE_DAY))
    return first, f"{first if first == last else f'{first} – {last}'}, {words.all_day}"
