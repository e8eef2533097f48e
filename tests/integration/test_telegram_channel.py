"""The channel telegram against a Bot API that answers as Telegram's does."""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from uuid_utils.compat import uuid7

from notilog import settings as schema
from notilog.errors import Postponed, SendFailed
from notilog.notifications import limits
from notilog.notifications.channels.channel import Action, Message, Recipient
from notilog.notifications.channels.telegram import Config, TelegramChannel
from notilog.notifications.channels.telegram_buttons import button_data
from tests.outside.telegram import TOKEN, BotApi, bot_api
from tests.outside.telegram_refusals import (
    BLOCKED,
    CHAT_NOT_FOUND,
    HANG,
    SERVER_ERROR,
    UNAUTHORIZED,
    Refusal,
    migrated,
    too_many,
)

ANN = Recipient(login="ann", telegram_chat_id="42")
BOB = Recipient(login="bob", telegram_chat_id="43")
SECRET = TOKEN.partition(":")[2]
PAGE = Refusal(502, "Bad Gateway", page=f"<html>no upstream for /bot{TOKEN}/sendMessage</html>")


def message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": uuid7(),
        "title": "Tea — Mon 1 Jun 2026, 12:00",
        "text": "Tea\nMon 1 Jun 2026, 12:00\n",
        "html": "<b>Tea</b>\nMon 1 Jun 2026, 12:00",
        "language": "en",
        "actions": get_args(Action),
        **changes,
    }
    return Message(kind="reminder", due_at=datetime(2026, 6, 1, 12, tzinfo=UTC), data={}, **fields)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, redis_url: str, tmp_path: Any) -> None:
    """Settings that lead to a real Redis; no database is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("NOTILOG_REDIS_URL", redis_url)
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
    monkeypatch.setattr(limits, "ANSWER_WITHIN", 5.0)
    schema.load()


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with bot_api() as made:
        yield made


@asynccontextmanager
async def channel(api: BotApi, **changes: Any) -> AsyncIterator[TelegramChannel]:
    chosen = {"token": TOKEN, "base_url": api.url, "per_chat_per_second": 1000, **changes}
    made = TelegramChannel(Config.model_validate(chosen))
    try:
        yield made
    finally:
        await made.close()


async def failure(api: BotApi, to: Recipient = ANN, **changes: Any) -> SendFailed:
    async with channel(api, **changes) as made:
        with pytest.raises(SendFailed) as caught:
            await made.send(message(), to)
    return caught.value


@pytest.mark.parametrize(
    ("language", "labels"),
    [
        ("en", [["Yes", "Maybe", "No"], ["Snooze 10 min", "Snooze 1 h"]]),
        ("ru", [["Да", "Может быть", "Нет"], ["Отложить на 10 мин", "на 1 ч"]]),
        ("fr", [["Yes", "Maybe", "No"], ["Snooze 10 min", "Snooze 1 h"]]),
    ],
)
async def test_a_message_with_its_buttons(
    api: BotApi, language: str, labels: list[list[str]]
) -> None:
    sent = message(language=language)
    async with channel(api) as made:
        await made.send(sent, ANN)
    (call,) = api.calls
    actions: list[list[Action]] = [["yes", "maybe", "no"], ["snooze_10m", "snooze_1h"]]
    assert call.method == "sendMessage"
    assert call.params == {
        "chat_id": "42",
        "text": "<b>Tea</b>\nMon 1 Jun 2026, 12:00",
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "reply_markup": {
            "inline_keyboard": [
                [
                    {"text": label, "callback_data": button_data(action, sent.id)}
                    for label, action in zip(*row, strict=True)
                ]
                for row in zip(labels, actions, strict=True)
            ]
        },
    }
    assert api.sent[0].text == "Tea\nMon 1 Jun 2026, 12:00"
    assert api.sent[0].entities == [{"type": "bold", "offset": 0, "length": 3}]


async def test_only_the_buttons_that_are_meant(api: BotApi) -> None:
    async with channel(api) as made:
        await made.send(message(actions=("snooze_1h",)), ANN)
        await made.send(message(actions=()), ANN)
    assert [[label for label, _ in row] for row in api.sent[0].buttons] == [["Snooze 1 h"]]
    assert "reply_markup" not in api.sent[1].params


async def test_what_is_too_long_is_cut(api: BotApi) -> None:
    sent = message(html=f"<b>{'я' * 5000}</b>", text="я" * 5000)
    async with channel(api) as made:
        await made.send(sent, ANN)
    assert api.sent[0].text == "я" * 4095 + "…"
    assert "parse_mode" not in api.sent[0].params
    assert api.sent[0].buttons


async def test_markup_that_telegram_refuses_is_sent_as_text(api: BotApi) -> None:
    async with channel(api) as made:
        await made.send(message(html="<p>Tea</p>"), ANN)
    assert [sent.text for sent in api.sent] == ["Tea\nMon 1 Jun 2026, 12:00"]


@pytest.mark.parametrize(
    ("refusal", "permanent", "says"),
    [
        (BLOCKED, True, "Telegram: Forbidden: bot was blocked by the user"),
        (CHAT_NOT_FOUND, True, "Telegram: Chat not found"),
        (migrated(-1001), True, "Telegram: the group has a new chat id, -1001"),
        (SERVER_ERROR, False, "Telegram: Internal Server Error"),
        (UNAUTHORIZED, False, "check NOTILOG_CHANNELS__TELEGRAM__TOKEN"),
        (PAGE, False, "Telegram: Bad Gateway (502)"),
    ],
)
async def test_refusals(api: BotApi, refusal: Refusal, *, permanent: bool, says: str) -> None:
    api.fail(refusal)
    error = await failure(api)
    assert says in str(error)
    assert (error.permanent, error.throttled, error.retry_after) == (permanent, False, None)
    assert len(api.calls) == 1


async def test_another_bots_token(api: BotApi) -> None:
    error = await failure(api, token="5:another")
    assert not error.permanent
    assert "NOTILOG_CHANNELS__TELEGRAM__TOKEN" in str(error)


async def test_the_flood_limit_pauses_every_process(api: BotApi) -> None:
    api.fail(too_many(30))
    async with channel(api, timeout=1) as one, channel(api, timeout=1) as two:
        with pytest.raises(SendFailed) as first:
            await one.send(message(), ANN)
        with pytest.raises(Postponed) as second:
            await two.send(message(), BOB)
    assert first.value.throttled
    assert not first.value.permanent
    assert 25 < (first.value.retry_after or 0) < 32
    assert 25 < second.value.seconds < 32
    assert len(api.calls) == 1


async def test_a_short_pause_is_slept(api: BotApi) -> None:
    api.fail(too_many(1))
    async with channel(api) as made:
        with pytest.raises(SendFailed):
            await made.send(message(), ANN)
        await made.send(message(), ANN)
    assert api.sent[0].at - api.calls[0].at > 0.9


async def test_one_chat_gets_a_message_at_a_time(api: BotApi) -> None:
    waiting = message()
    async with channel(api, per_chat_per_second=0.5) as made:
        await made.send(message(), ANN)
        with pytest.raises(Postponed) as caught:
            await made.send(waiting, ANN)
        await made.send(message(), BOB)
        assert 1 < caught.value.seconds <= 2
        await asyncio.sleep(caught.value.seconds)
        await made.send(waiting, ANN)
    assert [sent.chat_id for sent in api.sent] == [42, 43, 42]


async def test_the_bots_limit_is_shared_and_waited_for(api: BotApi) -> None:
    begun = time.monotonic()
    async with channel(api, per_second=20) as one, channel(api, per_second=20) as two:
        await asyncio.gather(
            *(
                made.send(message(), Recipient("x", telegram_chat_id=str(chat)))
                for chat, made in enumerate([one, two] * 8, start=1)
            )
        )
    assert len(api.calls) == 16
    assert max(call.at for call in api.calls) - begun >= 15 / 20


async def test_a_server_that_hangs_is_left_alone(api: BotApi) -> None:
    api.fail(HANG)
    error = await failure(api, timeout=0.3)
    assert str(error) == "Telegram: no answer within 0.3 s"
    assert not error.permanent


async def test_nobody_listens() -> None:
    async with bot_api() as gone:
        pass
    error = await failure(gone)
    assert "httpx.ConnectError" in str(error)
    assert not error.permanent


async def test_somebody_without_a_chat(api: BotApi) -> None:
    error = await failure(api, Recipient(login="ann"))
    assert error.permanent
    assert "ann has no Telegram chat" in str(error)
    assert api.calls == []


async def test_without_redis_messages_are_sent(
    api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://127.0.0.1:1/0")
    schema.load()
    async with channel(api) as made:
        await made.send(message(), ANN)
    assert len(api.sent) == 1


def test_what_is_missing() -> None:
    assert TelegramChannel(Config()).missing() == ("NOTILOG_CHANNELS__TELEGRAM__TOKEN",)
    assert TelegramChannel(Config.model_validate({"token": TOKEN})).missing() == ()


async def test_the_token_is_written_nowhere(
    api: BotApi, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in [None, *logging.root.manager.loggerDict]:
        caplog.set_level(logging.DEBUG, logger=name)
    async with channel(api) as made:
        await made.send(message(), ANN)
        await made.send(message(html="<p>"), ANN)
    errors = [await failure(api, token=f"5:{SECRET}")]
    for refusal in (BLOCKED, PAGE, UNAUTHORIZED, SERVER_ERROR, HANG, too_many(1)):
        api.fail(refusal)
        errors.append(await failure(api, timeout=0.3))
    async with bot_api() as gone:
        pass
    errors.append(await failure(gone, token=f"6:{SECRET}"))
    told = "".join("".join(traceback.format_exception(error)) for error in errors)
    out, err = capfd.readouterr()
    assert "Telegram" in told
    assert SECRET not in told + caplog.text + out + err
