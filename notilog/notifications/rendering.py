"""Putting a delivery into words, in the person's language and time zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from notilog.notifications.channels.channel import Calendar, Message


@dataclass(frozen=True, slots=True)
class Words:
    """What a language needs to name a day and to explain a message."""

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    all_day: str
    late: str
    tidings: dict[str, str]
    trial_title: str
    trial_text: str


LANGUAGES: dict[str, Words] = {
    "en": Words(
        weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        months=(
            *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
            *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        ),
        all_day="all day",
        late="This reminder is late: it was due at {due}.",
        tidings={
            "invitation": "{author} invites you",
            "update": "Changed by {author}",
            "cancellation": "Cancelled by {author}",
        },
        trial_title="A test message from NotiLog",
        trial_text="If you can read this, the channel works.",
    ),
    "ru": Words(
        weekdays=("Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"),
        months=(
            *("янв.", "февр.", "марта", "апр.", "мая", "июня"),
            *("июля", "авг.", "сент.", "окт.", "нояб.", "дек."),
        ),
        all_day="весь день",
        late="Напоминание опоздало: оно должно было прийти {due}.",
        tidings={
            "invitation": "{author} приглашает вас",
            "update": "Изменено ({author})",
            "cancellation": "Отменено ({author})",
        },
        trial_title="Проверочное сообщение NotiLog",
        trial_text="Если вы это читаете, канал работает.",
    ),
}
DEFAULT_LANGUAGE = "en"
ONE_DAY = timedelta(days=1)


def reminder(
    delivery_id: UUID,
    content: Mapping[str, Any],
    *,
    due_at: datetime,
    late: bool,
    language: str,
    timezone: str,
) -> Message:
    """The reminder of an event as a message.

    ``content`` holds name, description, start and end (RFC 3339), timezone (of the event),
    all_day and before; ``timezone`` is the reader's.
    """
    words = _words(language)
    name, began, lines = _described(content, words, timezone)
    if late:
        lines.insert(
            2, words.late.format(due=_moment(due_at.astimezone(ZoneInfo(timezone)), words))
        )
    return Message(
        id=delivery_id,
        kind="reminder",
        title=f"{name} — {began}",
        text="\n".join(lines) + "\n",
        html=_page(lines),
        language=language,
        due_at=due_at,
        data=content,
    )


def tidings(
    delivery_id: UUID,
    content: Mapping[str, Any],
    *,
    kind: str,
    due_at: datetime,
    late: bool,  # noqa: ARG001  # what happened is told all the same
    language: str,
    timezone: str,
) -> Message:
    """That somebody is asked to an event, or that it was changed or cancelled.

    ``content`` is a reminder's, without before, and has the author's name; for a mail programme
    also ``calendar``, with the method and text of a calendar file.
    """
    words = _words(language)
    name, began, lines = _described(content, words, timezone)
    news = words.tidings[kind].format(author=" ".join(str(content["author"]).split()))
    lines.insert(2, news)
    calendar = content.get("calendar")
    return Message(
        id=delivery_id,
        kind=kind,
        title=f"{news}: {name} — {began}",
        text="\n".join(lines) + "\n",
        html=_page(lines),
        language=language,
        due_at=due_at,
        data={key: value for key, value in content.items() if key != "calendar"},
        calendar=calendar and Calendar(calendar["method"], calendar["text"]),
    )


def _words(language: str) -> Words:
    return LANGUAGES.get(language, LANGUAGES[DEFAULT_LANGUAGE])


def _described(
    content: Mapping[str, Any], words: Words, timezone: str
) -> tuple[str, str, list[str]]:
    """The event's name, when it begins, and the lines that tell all of it."""
    zone = ZoneInfo(timezone)
    name = " ".join(str(content["name"]).split())
    start = datetime.fromisoformat(content["start"])
    end = datetime.fromisoformat(content["end"])
    if content["all_day"]:
        event_zone = ZoneInfo(content["timezone"])
        began, when = _days(start.astimezone(event_zone), end.astimezone(event_zone), words)
    else:
        began, when = _hours(start.astimezone(zone), end.astimezone(zone), words, timezone)
    description = ["", str(content["description"])] if content["description"] else []
    return name, began, [name, when, *description]


def trial(delivery_id: UUID, *, at: datetime, language: str) -> Message:
    """What an administrator sends to see whether a channel works."""
    words = _words(language)
    return Message(
        id=delivery_id,
        kind="test",
        title=words.trial_title,
        text=words.trial_text + "\n",
        html=_page([words.trial_title, words.trial_text]),
        language=language,
        due_at=at,
        data={},
    )


def _hours(start: datetime, end: datetime, words: Words, timezone: str) -> tuple[str, str]:
    began = _moment(start, words)
    if end == start:
        return began, f"{began} ({timezone})"
    same_day = end.date() == start.date()
    ended = f"{end:%H:%M}" if same_day else _moment(end, words)
    return began, f"{began} – {ended} ({timezone})"


def _days(start: datetime, end: datetime, words: Words) -> tuple[str, str]:
    """Days are half-open: the event of one day ends at the next midnight."""
    first, last = _day(start, words), _day(max(start, end - ONE_DAY), words)
    return first, f"{first if first == last else f'{first} – {last}'}, {words.all_day}"


def _moment(at: datetime, words: Words) -> str:
    return f"{_day(at, words)}, {at:%H:%M}"


def _day(at: datetime, words: Words) -> str:
    return f"{words.weekdays[at.weekday()]} {at.day} {words.months[at.month - 1]} {at.year}"


def _page(lines: list[str]) -> str:
    heading, *rest = (escape(line).replace("\n", "<br>\n") for line in lines)
    paragraphs = "".join(f"<p>{line}</p>\n" for line in rest if line)
    return (
        '<!DOCTYPE html>\n<html><body style="font-family:sans-serif">\n'
        f"<h2>{heading}</h2>\n{paragraphs}</body></html>\n"
    )
