"""The pure parts of the bot: what it reads, how long it waits, how its texts fit."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter

from notilog.bot.backoff import pause
from notilog.bot.commands.days import listed
from notilog.bot.commands.muting import length_of
from notilog.bot.handling import command_in
from notilog.bot.polling import pause_after
from notilog.bot.replies import CHOSEN, with_choice
from notilog.bot.strangers import MOST, Strangers
from notilog.bot.texts import cut, shortened
from notilog.bot.words import LANGUAGES
from notilog.calendar.agenda import Item
from notilog.notifications.channels.telegram_text import units

EN = LANGUAGES["en"]
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        *(("30m", 30), ("2h", 120), ("1d", 1440), ("30d", 43200), (" 2 H ", 120), ("2ч", 120)),
        *((bad, None) for bad in ("", "0m", "31d", "2", "h", "-1h", "2w", "1h30m", "999999d")),
    ],
)
def test_lengths_of_silence(text: str, minutes: int | None) -> None:
    assert length_of(text) == (None if minutes is None else timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/mute 2h", ("mute", "2h")),
        ("/mute\n2h", ("mute", "2h")),
        ("/Start@our_bot  a-b_c ", ("start", "a-b_c")),
        ("/help", ("help", "")),
        ("/", ("", "")),
        ("hello /help", ("", "")),
        ("", ("", "")),
    ],
)
def test_commands_in_messages(text: str, command: tuple[str, str]) -> None:
    assert command_in(text) == command


def test_waits_double_up_to_a_minute_and_differ() -> None:
    assert [pause(n, luck=0) for n in (1, 2, 3, 6, 7, 500)] == [1, 2, 4, 32, 60, 60]
    assert pause(7, luck=1) == 30


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (NetworkError("down"), 1),
        (Conflict("terminated by other getUpdates request"), 1),
        (InvalidToken("refused"), 60),
    ],
)
def test_each_failure_has_its_pause(error: Exception, seconds: float) -> None:
    assert pause_after(error, 1, luck=0) == seconds


@pytest.mark.parametrize(("asked", "seconds"), [(7, 7), (4000, 60)])
def test_telegram_may_ask_for_a_pause(
    asked: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    assert pause_after(RetryAfter(asked), 1, luck=0) == seconds


def test_strangers_hear_once_a_minute_and_few_are_remembered() -> None:
    strangers = Strangers()
    assert strangers.may_hear(1, now=NOON)
    assert not strangers.may_hear(1, now=NOON + timedelta(seconds=59))
    assert strangers.may_hear(1, now=NOON + timedelta(seconds=60))
    for chat_id in range(2, MOST + 2):
        assert strangers.may_hear(chat_id, now=NOON + timedelta(seconds=61))
    assert strangers.may_hear(1, now=NOON + timedelta(seconds=62))


def test_the_choice_is_marked_and_no_other() -> None:
    before = InlineKeyboardMarkup([[button(f"{CHOSEN}Yes", "y"), button("No", "n")]])
    (row,) = with_choice(before, data="n").inline_keyboard
    assert [one.text for one in row] == ["Yes", f"{CHOSEN}No"]
    assert [one.callback_data for one in row] == ["y", "n"]


def button(label: str, data: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=data)


def test_texts_are_cut_between_lines() -> None:
    lines = ["Monday:", *(f"  {number:03} 😀{'x' * 90}" for number in range(60))]
    text = cut(lines, more=EN.more)
    assert 3900 < units(text) <= 4096
    *kept, last = text.split("\n")
    assert kept == lines[: len(kept)]
    assert last == f"… and {61 - len(kept)} more"
    assert cut(["a", "b"], more=EN.more) == "a\nb"
    assert shortened("a\n b" + "c" * 20, 5) == "a bc…"


def item(start: str, end: str, name: str | None, **changes: Any) -> Item:
    given: dict[str, Any] = {
        "event_id": None,
        "original_start": NOON,
        "start_time": datetime.fromisoformat(start).astimezone(UTC),
        "end_time": datetime.fromisoformat(end).astimezone(UTC),
        "timezone": "Europe/Berlin",
        "all_day": False,
        "visibility": "public",
        "busy": True,
        "repeats": False,
        "logins": (),
        "name": name,
    }
    return Item(**(given | changes))


def test_days_are_listed_as_the_reader_lives_them() -> None:
    items = [
        item("2026-11-20T23:00+01:00", "2026-11-21T01:00+01:00", "Night"),
        item("2026-11-21T09:00+01:00", "2026-11-21T09:00+01:00", "Call"),
        item("2026-11-21T22:00+01:00", "2026-11-22T00:00+01:00", None),
        item("2026-11-20T12:00+01:00", "2026-11-23T12:00+01:00", "Journey"),
    ]
    days = [date(2026, 11, 21), date(2026, 11, 22)]
    assert listed(items, days, zone=BERLIN, words=EN) == (
        "Saturday 21 November:\n"
        "  –01:00 Night\n"
        "  09:00 Call\n"
        "  22:00–00:00 busy\n"
        "  all day Journey\n"
        "\n"
        "Sunday 22 November:\n"
        "  all day Journey"
    )


def test_whole_days_are_those_of_their_own_zone() -> None:
    holiday = item("2026-11-21T00:00+01:00", "2026-11-22T00:00+01:00", "Holiday", all_day=True)
    days = [date(2026, 11, 20), date(2026, 11, 21)]
    assert listed([holiday], days, zone=NEW_YORK, words=EN) == (
        "Friday 20 November:\n  nothing\n\nSaturday 21 November:\n  all day Holiday"
    )
