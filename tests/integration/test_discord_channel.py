"""Discord's webhook when it accepts, refuses, limits and hangs."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from notilog.notifications.channels.discord_webhook import Config, DiscordChannel
from tests.integration.sent_messages import ANN, HOSTILE, closing, failure, message
from tests.outside.hanging import hanging_server
from tests.outside.http import Receiver, receiver


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


def channel(url: str, **changes: Any) -> DiscordChannel:
    return DiscordChannel(Config.model_validate({"url": url, "allow_private": True, **changes}))


async def test_a_message_pings_nobody_and_shows_its_delivery(hook: Receiver) -> None:
    sent = message(title=HOSTILE, text="x" * 3000)
    async with closing(channel(hook.url)) as discord:
        await discord.send(sent, ANN)
    (post,) = hook.posts
    body = json.loads(post.body)
    assert body["content"].startswith(r"**\<!channel\> & \*bold\* \`x\` @everyone**")
    assert len(body["content"]) == 2000
    assert body["content"].endswith("…")
    assert body["allowed_mentions"] == {"parse": []}
    assert body["embeds"] == [{"footer": {"text": str(sent.id)}}]


async def test_without_a_url_it_is_not_configured() -> None:
    assert DiscordChannel(Config()).missing() == ("NOTILOG_CHANNELS__DISCORD__URL",)


@pytest.mark.parametrize(
    ("status", "permanent"), [(302, True), (401, True), (404, True), (500, False), (502, False)]
)
async def test_statuses_say_whether_to_try_again(
    hook: Receiver, status: int, *, permanent: bool
) -> None:
    hook.answers = [web.Response(status=status, headers={"Location": hook.url})]
    async with closing(channel(hook.url)) as discord:
        assert (await failure(discord, ANN)).permanent is permanent


async def test_discords_limit_is_kept(hook: Receiver) -> None:
    limited = {"message": "You are being rate limited.", "retry_after": 0.65, "global": False}
    hook.answers = [web.json_response(limited, status=429, headers={"Retry-After": "1"})]
    async with closing(channel(hook.url)) as discord:
        error = await failure(discord, ANN)
    assert (error.throttled, error.permanent, error.retry_after) == (True, False, 0.65)


@pytest.mark.parametrize(("told", "kept"), [("1e12", 86400), ("-5", 0), ("true", 3), ("1e999", 3)])
async def test_a_pause_without_sense_is_bounded(hook: Receiver, told: str, kept: float) -> None:
    body = f'{{"retry_after": {told}}}'
    hook.answers = [
        web.Response(
            status=429, text=body, content_type="application/json", headers={"Retry-After": "3"}
        )
    ]
    async with closing(channel(hook.url)) as discord:
        assert (await failure(discord, ANN)).retry_after == kept


async def test_links_stay_whole_and_none_is_disguised(hook: Receiver) -> None:
    text = "[bank](https://evil.example) https://x.example/a_b"
    async with closing(channel(hook.url)) as discord:
        await discord.send(message(text=text), ANN)
        await discord.send(message(text="*" * 1200), ANN)
    link, cut = (json.loads(post.body)["content"] for post in hook.posts)
    assert link.endswith(r"\[bank\](https://evil.example) https://x.example/a_b")
    assert cut.endswith("\\*…")
    assert len(cut) <= 2000


async def test_a_private_target_is_refused_unless_allowed(hook: Receiver) -> None:
    async with closing(channel(hook.url, allow_private=False)) as discord:
        assert (await failure(discord, ANN)).permanent
    assert hook.posts == []


async def test_a_server_that_hangs_is_left_alone() -> None:
    async with (
        hanging_server() as port,
        closing(channel(f"http://127.0.0.1:{port}/hook", timeout=0.2)) as discord,
    ):
        error = await failure(discord, ANN)
    assert (error.permanent, str(error)) == (False, "HTTP: no answer within 0.2 s")


async def test_nobody_listens_and_the_url_is_written_nowhere(
    hook: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiver() as gone:
        pass
    async with closing(channel(gone.url)) as discord:
        error = await failure(discord, ANN)
    assert not error.permanent
    assert "/hook" not in caplog.text + str(error)
