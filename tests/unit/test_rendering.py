"""What a reminder says, in the reader's language and zone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from notilog import settings as schema
from notilog.notifications import rendering
from notilog.notifications.channels.channel import Calendar, Markup, Message
from notilog.notifications.rendering import Part, Reader

ID = UUID("0190d2f0-0000-7000-8000-000000000000")
PLANNING = {
    "name": "Planning",
    "description": "Bring <b>figures</b> & tea",
    "start": "2026-06-01T08:00:00Z",
    "end": "2026-06-01T09:00:00Z",
    "timezone": "Europe/Berlin",
    "all_day": False,
    "before": "15m",
    "organizer": "ann",
}
DUE = datetime(2026, 6, 1, 7, 45, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(
            f"NOTILOG_{name}", f"{'postgresql' if 'DATA' in name else 'redis'}://x/0"
        )
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
    schema.load()


def reader(
    login: str = "ben",
    *,
    language: str = "en",
    timezone: str = "UTC",
    channel: str = "email",
    markup: Markup = "html",
) -> Reader:
    return Reader(login, language, timezone, channel, markup)


def reminder(
    *, late: bool = False, language: str = "en", timezone: str = "UTC", **changes: Any
) -> Message:
    to = reader(language=language, timezone=timezone)
    return rendering.reminder(ID, PLANNING | changes, reader=to, due_at=DUE, late=late)


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
        reader=reader(language=language),
        due_at=DUE,
        late=True,
    )
    assert message.title.startswith(f"{news}: Planning — ")
    assert message.text.splitlines()[2] == news
    assert message.kind == kind
    assert message.calendar == Calendar("REQUEST", "BEGIN:VCALENDAR")
    assert "calendar" not in message.data


def test_only_the_markup_of_the_channel_is_written() -> None:
    to_log = reader(channel="log", markup="")
    to_telegram = reader(channel="telegram", markup="telegram")
    plain, telegram = (
        rendering.reminder(ID, PLANNING, reader=to, due_at=DUE, late=False)
        for to in (to_log, to_telegram)
    )
    assert plain.html == ""
    assert telegram.html.startswith("<b>Planning</b>\nMon 1 Jun 2026, 08:00")
    assert "Bring &lt;b&gt;figures&lt;/b&gt; &amp; tea" in telegram.html


def test_an_sms_is_one_line() -> None:
    to = reader(channel="sms", markup="")
    message = rendering.reminder(ID, PLANNING, reader=to, due_at=DUE, late=False)
    assert message.text == "Planning — Mon 1 Jun 2026, 08:00 – 09:00 (UTC)\n"


@pytest.mark.parametrize(
    ("login", "minutes", "actions"),
    [
        ("ben", 15, ("yes", "maybe", "no", "snooze_10m")),
        ("ann", 15, ("snooze_10m",)),
        ("ben", 5, ("yes", "maybe", "no")),
        ("ann", 90, ("snooze_10m", "snooze_1h")),
    ],
)
def test_answers_are_offered_to_guests_and_snoozes_while_they_are_of_use(
    login: str, minutes: int, actions: tuple[str, ...]
) -> None:
    due = datetime(2026, 6, 1, 8, tzinfo=UTC) - timedelta(minutes=minutes)
    message = rendering.reminder(ID, PLANNING, reader=reader(login), due_at=due, late=False)
    assert message.actions == actions


@pytest.mark.parametrize(
    ("count", "language", "heading"),
    [
        (2, "en", "2 messages"),
        (2, "ru", "2 сообщения"),
        (5, "ru", "5 сообщений"),
        (11, "ru", "11 сообщений"),
        (21, "ru", "21 сообщение"),
        (112, "ru", "112 сообщений"),
    ],
)
def test_a_digest_counts_in_the_readers_language(count: int, language: str, heading: str) -> None:
    message = rendering.digest(
        ID, [Part("reminder", PLANNING)] * count, reader=reader(language=language), due_at=DUE
    )
    assert message.title == f"{heading}: Planning"
    assert heading in message.html
    assert len(message.data["items"]) == count


def test_a_digest_is_in_the_order_of_time_and_says_what_is_news() -> None:
    later = PLANNING | {"name": "Later", "start": "2026-06-02T08:00:00Z"}
    parts = [Part("reminder", later), Part("update", INVITATION)]
    message = rendering.digest(ID, parts, reader=reader(), due_at=DUE)
    assert message.title == "2 messages: Planning, Later"
    assert message.text.splitlines()[:3] == [
        "• Planning",
        "  Mon 1 Jun 2026, 08:00 – 09:00 (UTC)",
        "  Changed by Ann Lee",
    ]
    assert "calendar" not in message.data["items"][0]


def test_a_long_digest_says_how_many_it_leaves_out() -> None:
    message = rendering.digest(ID, [Part("reminder", PLANNING)] * 40, reader=reader(), due_at=DUE)
    assert message.text.endswith("… and 15 more\n")


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        ("email/ru/reminder.text.j2", "ru", "mine: Planning"),
        ("email/ru/reminder.text.j2", "en", "Planning\nMon"),
        ("email/reminder.text.j2", "en", "mine: Planning"),
        ("ru/event.text.j2", "ru", "mine: Planning"),
        ("reminder.text.j2", "en", "mine: Planning"),
        ("slack/reminder.text.j2", "en", "Planning\nMon"),
    ],
)
def test_an_operators_template_goes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, language: str, expected: str
) -> None:
    own = tmp_path / "own" / name
    own.parent.mkdir(parents=True)
    own.write_text("mine: {{ name }}")
    monkeypatch.setenv("NOTILOG_TEMPLATES__DIRECTORY", str(tmp_path / "own"))
    schema.load()
    assert reminder(language=language).text.startswith(expected)


@pytest.mark.parametrize(
    "broken",
    [
        "{{ nothing }}",
        "{% if %}",
        "{{ 1 / 0 }}",
        "{{ name.x() }}",
        "{{ 5 | xmlattr }}",
        "{% include 'reminder.text.j2' %}",
    ],
)
def test_an_operators_template_that_fails_gives_way_to_the_built_in_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "reminder.text.j2").write_text(broken)
    monkeypatch.setenv("NOTILOG_TEMPLATES__DIRECTORY", str(tmp_path / "own"))
    schema.load()
    assert reminder().text.startswith("Planning\nMon")
