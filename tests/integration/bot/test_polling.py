"""One poller at a time, every update once, and nothing that stops it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from notilog import clock
from notilog.bot import polling
from notilog.bot.tables import TelegramBotRow
from notilog.bot.words import LANGUAGES
from notilog.db.session import transaction
from notilog.jobs import Wakeup
from notilog.leases.tables import LeaseRow
from notilog.users.caller import Caller
from tests.integration.bot.chats import (
    ANN,
    BEN,
    execute,
    muted_until,
    position,
    quiet,
    say,
    told,
    until,
)
from tests.outside.telegram import TOKEN, BotApi
from tests.outside.telegram_refusals import CONFLICT, HANG, SERVER_ERROR, UNAUTHORIZED

EN, RU = LANGUAGES["en"], LANGUAGES["ru"]
Bot = asyncio.Task[None]


async def begun(telegram: BotApi, polls: int = 1) -> None:
    await until(
        lambda: sum(call.method == "getUpdates" for call in telegram.calls) >= polls,
        "the asking for updates",
    )


async def ended(bot: Bot) -> None:
    bot.cancel()
    await asyncio.gather(bot, return_exceptions=True)


async def test_at_the_start_the_bot_is_introduced(telegram: BotApi, bot: Bot) -> None:
    await begun(telegram)
    methods = [call.method for call in telegram.calls]
    assert "deleteWebhook" in methods
    menus = [call.params for call in telegram.calls if call.method == "setMyCommands"]
    assert [menu.get("language_code") for menu in menus] == [None, "ru"]
    assert {one["command"] for one in menus[1]["commands"]} == set(RU.commands)
    async with transaction() as tx:
        row = (await tx.scalars(select(TelegramBotRow))).one()
    assert (row.id, row.username) == (telegram.bot["id"], telegram.bot["username"])


async def test_of_two_pollers_one_polls(telegram: BotApi, bot: Bot) -> None:
    await begun(telegram)
    await asyncio.wait_for(polling.run(), 5)
    assert not bot.done()
    assert sum(call.method == "getMe" for call in telegram.calls) == 1


async def test_the_bot_is_woken_while_nobody_polls(
    telegram: BotApi, bot: Bot, woken: list[Wakeup]
) -> None:
    await begun(telegram)
    async with transaction() as tx:
        await polling.reconcile(tx, clock.now())
    assert woken == []
    await ended(bot)
    for _ in range(2):
        async with transaction() as tx:
            await polling.reconcile(tx, clock.now())
    assert woken == [Wakeup("bot.poll")] * 2


async def test_without_a_token_there_is_no_bot(database: None, woken: list[Wakeup]) -> None:
    async with transaction() as tx:
        await polling.reconcile(tx, clock.now())
    await polling.run()
    assert woken == []


async def test_a_poller_whose_lease_was_taken_writes_nothing_more(
    telegram: BotApi, bot: Bot, ben: Caller
) -> None:
    await begun(telegram)
    await execute(
        "UPDATE leases SET holder = gen_random_uuid(), fence = fence + 1, until = now() + '1 hour'"
    )
    before = await position()
    telegram.say(BEN, "/mute 2h")
    await asyncio.wait_for(bot, 10)
    assert await position() == before
    assert await muted_until(ben) is None
    assert told(telegram, BEN) == []
    async with transaction() as tx:
        lease = (await tx.scalars(select(LeaseRow))).one()
    assert lease.until > clock.now() + timedelta(minutes=59)


async def test_an_update_is_not_handled_twice_when_the_bot_dies_before_its_reply(
    telegram: BotApi, bot: Bot, ben: Caller
) -> None:
    await begun(telegram)
    telegram.fail(HANG)
    number = telegram.say(BEN, "/mute 2h")
    await until(lambda: any(c.method == "sendMessage" for c in telegram.calls), "the reply")
    await ended(bot)
    assert await position() == number + 1
    assert await muted_until(ben) is not None
    await execute("UPDATE notification_preferences SET muted_until = NULL")
    again = asyncio.create_task(polling.run())
    assert await say(telegram, BEN, "/help") == EN.menu
    await ended(again)
    assert await muted_until(ben) is None
    assert told(telegram, BEN) == [EN.menu]


async def test_a_poisonous_update_is_skipped_with_an_apology(
    telegram: BotApi, bot: Bot, ann: Caller, ben: Caller
) -> None:
    await execute("UPDATE users SET timezone = 'Nowhere/Land' WHERE login = 'ann'")
    number = telegram.say(ANN, "/today")
    assert await say(telegram, BEN, "/help") == EN.menu
    assert told(telegram, ANN) == [EN.failed]
    assert await position() == number + 2


async def test_an_update_that_cannot_be_read_is_skipped(
    telegram: BotApi, bot: Bot, ben: Caller
) -> None:
    number = telegram.updates.add("message", {"of": "another age"})
    assert await say(telegram, BEN, "/help") == EN.menu
    assert await position() == number + 2


@pytest.mark.parametrize("refusal", [SERVER_ERROR, CONFLICT])
async def test_the_bot_comes_back_when_telegram_does(
    telegram: BotApi, bot: Bot, ben: Caller, refusal: object
) -> None:
    telegram.fail(refusal, method="getUpdates")  # type: ignore[arg-type]  # each is one
    telegram.fail(SERVER_ERROR, method="getMe")
    assert await say(telegram, BEN, "/help") == EN.menu


async def test_a_refused_token_is_told_of_and_not_shown(telegram: BotApi) -> None:
    telegram.fail(UNAUTHORIZED, method="getMe")
    with capture_logs() as logs:
        running = asyncio.create_task(polling.run())
        await until(lambda: any(e["log_level"] == "error" for e in logs), "the error")
        await ended(running)
    (error,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert error["event"] == "telegram_refuses_token"
    assert error["pause"] == 60
    assert TOKEN.partition(":")[2] not in str(logs)


async def test_a_reply_that_is_refused_does_not_stop_the_bot(
    telegram: BotApi, bot: Bot, ben: Caller
) -> None:
    telegram.fail(SERVER_ERROR)
    telegram.say(BEN, "/help")
    await quiet(telegram)
    assert await say(telegram, BEN, "/help") == EN.menu
    assert told(telegram, BEN) == [EN.menu]
