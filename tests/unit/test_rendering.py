"""What a reminder says, in the reader's language and zone."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from notilog.notifications import rendering
from notilog.notifications.channels.channel import Calendar, Message

ID = UUID("0190d2f0-0000-7000-8000-000000000000")
PLANNING = {
    "name": "Planning",
    "description": "Bring <b>figures</b> & tea",
    "start": "2026-06-01T08:00:00Z",
    "end": "2026-06-01T09:00:00Z",
    "timezone": "Europe/Berlin",
    "all_day": False,
    "before": "15m",
}


def reminder(
    *, late: bool = False, language: str = "en", timezone: str = "UTC", **changes: Any
) -> Message:
    return rendering.reminder(
        ID,
        PLANNING | changes,
        due_at=datetime(2026, 6, 1, 7, 45, tzinfo=UTC),
        late=late,
        language=language,
        timezone=timezone,
    )


@pytest.mark.parametrize(
    ("language", "timezone", "line"),
    [
        ("en", "UTC", "Mon 1 Jun 2026, 08:00 – 09:00 (UTC)"),
        ("en", "Asia/Tokyo", "Mon 1 Jun 2026, 17:00 – 18:00 (Asia/Tokyo)"),
        ("ru", "Europe/Moscow", "Пн 1 июня 2026, 11:00 – 12:00 (Europe/Moscow)"),
        ("tlh", "UTC", "Mon 1 Jun 2026, 08:00 – 09:00 (UTC)"),
    ],
)
def test_says_when_in_the_readers_words(language: str, timezone: str, line: str) -> None:
    message = reminder(language=language, timezone=timezone)
    assert message.text == f"Planning\n{line}\n\nBring <b>figures</b> & tea\n"
    assert message.title == f"Planning — {line.partition(' –')[0]}"


def test_an_event_over_midnight_names_both_days() -> None:
    message = reminder(start="2026-06-01T22:00:00Z", end="2026-06-02T02:00:00Z")
    assert "Mon 1 Jun 2026, 22:00 – Tue 2 Jun 2026, 02:00 (UTC)" in message.text


def test_a_moment_has_no_end() -> None:
    assert "08:00 (UTC)" in reminder(end=PLANNING["start"]).text


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ("2026-06-01T22:00:00Z", "Mon 1 Jun 2026, all day"),
        ("2026-06-03T22:00:00Z", "Mon 1 Jun 2026 – Wed 3 Jun 2026, all day"),
    ],
)
def test_whole_days_are_the_events_days_wherever_the_reader_is(end: str, line: str) -> None:
    message = reminder(
        all_day=True, start="2026-05-31T22:00:00Z", end=end, timezone="America/Los_Angeles"
    )
    assert line in message.text


def test_a_late_reminder_says_so() -> None:
    assert "This reminder is late: it was due at Mon 1 Jun 2026, 07:45." in reminder(late=True).text
    assert "опоздало" in reminder(late=True, language="ru").text


def test_html_is_escaped() -> None:
    message = reminder(name="<script>", description="a & b\n<i>")
    assert "<h2>&lt;script&gt;</h2>" in message.html
    assert "<p>a &amp; b<br>\n&lt;i&gt;</p>" in message.html


def test_a_name_cannot_break_the_title_into_lines() -> None:
    assert reminder(name="a\r\nBcc: b\x0bc").title.startswith("a Bcc: b c — ")


INVITATION = {
    **{key: value for key, value in PLANNING.items() if key != "before"},
    "author": "Ann\nLee",
    "calendar": {"method": "REQUEST", "text": "BEGIN:VCALENDAR"},
}


@pytest.mark.parametrize(
    ("kind", "language", "news"),
    [
        ("invitation", "en", "Ann Lee invites you"),
        ("update", "en", "Changed by Ann Lee"),
        ("cancellation", "en", "Cancelled by Ann Lee"),
        ("invitation", "ru", "Ann Lee приглашает вас"),
    ],
)
def test_tidings_say_who_did_what_and_carry_the_calendar_file(
    kind: str, language: str, news: str
) -> None:
    message = rendering.tidings(
        ID,
        INVITATION,
        kind=kind,
        due_at=datetime(2026, 6, 1, 7, 45, tzinfo=UTC),
        late=True,
        language=language,
        timezone="UTC",
    )
    assert message.title.startswith(f"{news}: Planning — ")
    assert message.text.splitlines()[2] == news
    assert message.kind == kind
    assert message.calendar == Calendar("REQUEST", "BEGIN:VCALENDAR")
    assert "calendar" not in message.data
