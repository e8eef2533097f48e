"""What people type, and what the bot says and does then."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from notilog import clock
from notilog.bot import linking
from notilog.bot.words import LANGUAGES
from notilog.db.session import transaction
from notilog.errors import Forbidden
from notilog.users.caller import Caller
from tests.integration.bot.chats import (
    ANN,
    BEN,
    STRANGER,
    execute,
    muted_until,
    offered,
    quiet,
    say,
    told,
    user,
)
from tests.integration.calendar.attendees import add, make
from tests.outside.telegram import BotApi

EN, RU = LANGUAGES["en"], LANGUAGES["ru"]
Bot = asyncio.Task[None]


async def test_a_code_links_the_chat_once(telegram: BotApi, bot: Bot) -> None:
    cleo = await add("cleo", language="ru")
    code = (await offered(cleo)).code
    assert len(code) >= 22
    assert "cleo" in await say(telegram, STRANGER, f"/start {code}")
    assert (await user(cleo)).telegram_chat_id == str(STRANGER)
    assert RU.nothing in await say(telegram, STRANGER, "/today")
    other = STRANGER + 1
    assert await say(telegram, other, f"/start {code}") == EN.bad_code
    assert (await user(cleo)).telegram_chat_id == str(STRANGER)


async def test_codes_that_are_wrong_late_or_replaced_link_nothing(
    telegram: BotApi, bot: Bot
) -> None:
    cleo = await add("cleo")
    late = await offered(cleo, now=clock.now() - linking.CODE_LIFE)
    assert await say(telegram, STRANGER, f"/start {late.code}") == EN.bad_code
    replaced = await offered(cleo)
    await offered(cleo)
    for number, code in enumerate([replaced.code, "wrong", "x" * 5000, "\x00"], start=1):
        assert await say(telegram, STRANGER + number, f"/start {code}") == EN.bad_code
    assert (await user(cleo)).telegram_chat_id is None


async def test_a_chat_moves_to_whoever_links_it_last(
    telegram: BotApi, bot: Bot, ann: Caller, ben: Caller
) -> None:
    code = (await offered(ben)).code
    assert "ben" in await say(telegram, ANN, f"/start {code}")
    assert (await user(ann)).telegram_chat_id is None
    assert (await user(ben)).telegram_chat_id == str(ANN)
    assert await say(telegram, BEN, "/today") == EN.strange


async def test_a_code_sent_to_a_group_is_not_used(telegram: BotApi, bot: Bot, ben: Caller) -> None:
    code = (await offered(ben)).code
    telegram.say(-5, f"/start {code}")
    await quiet(telegram)
    assert told(telegram, -5) == []
    assert (await user(ben)).telegram_chat_id == str(BEN)


async def test_programs_get_no_code(telegram: BotApi, ben: Caller) -> None:
    program = Caller(ben.user_id, "ben", "admin", scopes=frozenset({"admin"}), project=None)
    with pytest.raises(Forbidden):
        await offered(program)


async def test_who_stops_is_forgotten(telegram: BotApi, bot: Bot, ann: Caller) -> None:
    assert await say(telegram, ANN, "/stop") == RU.stopped
    assert (await user(ann)).telegram_chat_id is None
    async with transaction() as tx:
        assert await linking.person_of(tx, ANN) is None


async def test_an_address_changed_elsewhere_ends_the_identity(
    telegram: BotApi, bot: Bot, ann: Caller
) -> None:
    await execute("UPDATE users SET telegram_chat_id = '999'")
    assert await say(telegram, ANN, "/today") == EN.strange


@pytest.mark.parametrize(("language", "words"), [("ru-RU", RU), ("fr", EN)])
async def test_strangers_are_answered_in_their_language_and_once_a_minute(
    telegram: BotApi, bot: Bot, language: str, words: object
) -> None:
    telegram.say(STRANGER, "hello")
    telegram.updates.waiting[-1]["message"]["from"]["language_code"] = language
    await quiet(telegram)
    for _ in range(5):
        telegram.say(STRANGER, "/today")
        telegram.press(STRANGER, "y:nonsense")
    await quiet(telegram)
    (answer,) = told(telegram, STRANGER)
    assert answer.startswith(LANGUAGES["ru" if words is RU else "en"].help)
    assert telegram.answered == []


@pytest.mark.parametrize("typed", ["/help", "/nonsense", "hello", "/HELP@notilog_test_bot"])
async def test_help_answers_what_is_not_understood(
    telegram: BotApi, bot: Bot, ann: Caller, typed: str
) -> None:
    assert await say(telegram, ANN, typed) == RU.menu


async def test_the_day_is_told_in_the_persons_language_and_zone(
    telegram: BotApi, bot: Bot, ann: Caller, ben: Caller
) -> None:
    day = datetime.now(ZoneInfo("Europe/Moscow")).replace(hour=12, minute=30, second=0)
    start = day.replace(microsecond=0)
    await make(ann, start_time=start, name="Планёрка", participants=("ben",))
    answer = await say(telegram, ANN, "/today")
    assert answer == f"{RU.day(start)}:\n  12:30–13:30 Планёрка"
    tomorrow = start + timedelta(days=1)
    await make(ann, start_time=tomorrow, name="Review", participants=("ben",))
    local = tomorrow.astimezone(ZoneInfo("Pacific/Auckland"))
    answer = await say(telegram, BEN, "/week")
    assert f"{EN.day(local)}:\n" in answer
    assert f"  {local:%H:%M}–" in answer
    assert "Review" in answer
    assert answer.count("\n\n") == 6


async def test_a_full_week_fits_into_a_message(telegram: BotApi, bot: Bot, ann: Caller) -> None:
    for number in range(60):
        await make(ann, start_time=clock.now() + timedelta(hours=1), name=f"{number} " + "х" * 90)
    answer = await say(telegram, ANN, "/week")
    assert 3500 < len(answer) <= 4096
    assert "… и ещё" in answer


async def test_a_calendar_too_full_to_be_told(telegram: BotApi, bot: Bot, ben: Caller) -> None:
    await execute(
        "INSERT INTO events (id, author_id, name, start_local, timezone, duration, starts_at,"
        " series_end) SELECT gen_random_uuid(), :ben, 'many', now() AT TIME ZONE 'UTC', 'UTC',"
        " interval '1 hour', now(), now() + interval '1 hour' FROM generate_series(1, 1001)",
        ben=ben.user_id,
    )
    assert await say(telegram, BEN, "/today") == EN.too_many


async def test_mute_holds_and_unmute_ends_it(telegram: BotApi, bot: Bot, ben: Caller) -> None:
    assert await say(telegram, BEN, "/mute") == EN.how_to_mute
    assert await say(telegram, BEN, "/mute 31d") == EN.how_to_mute
    assert await muted_until(ben) is None
    answer = await say(telegram, BEN, "/mute 2h")
    until = await muted_until(ben)
    assert until is not None
    assert timedelta(minutes=119) < until - clock.now() <= timedelta(hours=2)
    assert f"{until.astimezone(ZoneInfo('Pacific/Auckland')):%H:%M}" in answer
    await say(telegram, BEN, "/mute 1d")
    assert await say(telegram, BEN, "/unmute") == EN.unmuted
    assert await muted_until(ben) is None
