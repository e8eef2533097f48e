"""Slack by a person's own webhook and by a bot, when it accepts, refuses, limits and hangs."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from notilog.notifications.channels.channel import Recipient
from notilog.notifications.channels.slack import LENGTH, Config, SlackChannel
from tests.integration.sent_messages import HOSTILE, closing, failure, message
from tests.outside.hanging import hanging_server
from tests.outside.http import receiver
from tests.outside.slack import TOKEN, Slack, slack


@pytest.fixture
async def server() -> AsyncIterator[Slack]:
    async with slack() as made:
        yield made


def channel(server: Slack, **changes: Any) -> SlackChannel:
    chosen = {
        "token": TOKEN,
        "channel": "C0PLANS",
        "base_url": server.api,
        "allow_private": True,
        **changes,
    }
    return SlackChannel(Config.model_validate(chosen))


def ann(server: Slack) -> Recipient:
    return Recipient(login="ann", slack_webhook=server.hook)


BEN = Recipient(login="ben")


async def test_a_persons_own_webhook_is_asked_first(server: Slack) -> None:
    sent = message(title=HOSTILE)
    async with closing(channel(server)) as slack_channel:
        await slack_channel.send(sent, ann(server))
    (post,) = server.posts
    (block,) = post["blocks"]
    assert block["block_id"] == str(sent.id)
    assert block["text"]["text"].startswith("*&lt;!channel&gt; &amp; *bold*")
    assert block["text"]["verbatim"] is True
    assert "<!channel>" not in json.dumps(post)
    assert (post["unfurl_links"], post["unfurl_media"]) == (False, False)


async def test_the_bot_posts_for_who_has_no_webhook(server: Slack) -> None:
    sent = message()
    async with closing(channel(server)) as slack_channel:
        await slack_channel.send(sent, BEN)
    (post,) = server.posts
    assert post["channel"] == "C0PLANS"
    assert post["metadata"]["event_payload"] == {"id": str(sent.id)}
    assert post["unfurl_links"] is False


async def test_with_neither_it_says_what_to_set(server: Slack) -> None:
    async with closing(channel(server, token="")) as slack_channel:
        error = await failure(slack_channel, BEN)
    assert error.permanent
    assert "ben has no Slack webhook" in str(error)
    assert "NOTILOG_CHANNELS__SLACK__TOKEN" in str(error)


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (404, True), (410, True), (500, False), (503, False)]
)
async def test_statuses_of_a_webhook(server: Slack, status: int, *, permanent: bool) -> None:
    server.answers = [web.Response(status=status, text="no_service")]
    async with closing(channel(server)) as slack_channel:
        error = await failure(slack_channel, ann(server))
    assert (error.permanent, error.throttled) == (permanent, False)


@pytest.mark.parametrize(
    ("reason", "permanent"),
    [("channel_not_found", True), ("is_archived", True), ("invalid_auth", False)],
)
async def test_refusals_of_the_web_api(server: Slack, reason: str, *, permanent: bool) -> None:
    server.answers = [web.json_response({"ok": False, "error": reason})]
    async with closing(channel(server)) as slack_channel:
        error = await failure(slack_channel, BEN)
    assert (error.permanent, str(error)) == (permanent, f"Slack: {reason}")


@pytest.mark.parametrize("by_webhook", [True, False])
async def test_limits_are_kept(server: Slack, *, by_webhook: bool) -> None:
    limited = {"ok": False, "error": "ratelimited"}
    server.answers = [web.json_response(limited, status=429, headers={"Retry-After": "7"})]
    async with closing(channel(server)) as slack_channel:
        error = await failure(slack_channel, ann(server) if by_webhook else BEN)
    assert (error.throttled, error.permanent, error.retry_after) == (True, False, 7)


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize(
    ("kind", "text"),
    [("text/html", "<html>"), ("text/plain", "no"), ("application/json", "{no")],
)
async def test_an_answer_that_is_not_slacks_is_a_failure(
    server: Slack, status: int, kind: str, text: str
) -> None:
    server.answers = [web.Response(status=status, text=text, content_type=kind)]
    async with closing(channel(server)) as slack_channel:
        error = await failure(slack_channel, BEN)
    assert str(error).startswith(("Slack: ", "HTTP "))


async def test_a_limit_told_in_the_body_is_a_limit(server: Slack) -> None:
    server.answers = [web.json_response({"ok": False, "error": "ratelimited"})]
    async with closing(channel(server)) as slack_channel:
        error = await failure(slack_channel, BEN)
    assert (error.throttled, error.permanent) == (True, False)


async def test_no_proxy_is_asked(server: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with closing(channel(server)) as slack_channel:
            await slack_channel.send(message(), ann(server))
            await slack_channel.send(message(), BEN)
    assert (len(server.posts), proxy.posts) == (2, [])


async def test_no_more_of_an_answer_is_read_than_a_little(server: Slack) -> None:
    left = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            writer.close()
            left.set()

    listening = await asyncio.start_server(endless, "127.0.0.1", 0)
    async with listening:
        talker = Slack(port=listening.sockets[0].getsockname()[1])
        async with closing(channel(talker)) as slack_channel:
            await slack_channel.send(message(), ann(talker))
        await left.wait()


def test_a_token_that_fits_no_header_is_refused() -> None:
    with pytest.raises(ValidationError, match="ASCII without spaces"):
        Config.model_validate({"token": "xoxb-1\n2"})


async def test_a_long_text_is_not_cut_within_an_escape(server: Slack) -> None:
    async with closing(channel(server)) as slack_channel:
        for spare in range(4, 9):
            text = "x" * (LENGTH - len("*Planning*\n") - spare) + "<<<"
            await slack_channel.send(message(text=text), ann(server))
    ends = [
        post["blocks"][0]["text"]["text"].partition("x")[2].lstrip("x") for post in server.posts
    ]
    assert ends == ["&lt;…", "&lt;…", "&lt;…", "&lt;…", "&lt;&lt;…"]


async def test_private_webhooks_are_refused(server: Slack) -> None:
    async with closing(channel(server, allow_private=False)) as slack_channel:
        errors = [await failure(slack_channel, to) for to in (ann(server), BEN)]
    assert all(error.permanent for error in errors)
    assert server.posts == []


async def test_a_redirect_leads_nowhere(server: Slack) -> None:
    server.answers = [web.Response(status=302, headers={"Location": server.hook})]
    async with closing(channel(server)) as slack_channel:
        assert (await failure(slack_channel, ann(server))).permanent
    assert server.posts == []


async def test_a_server_that_hangs_is_left_alone() -> None:
    async with hanging_server() as port:
        gone = Slack(port=port)
        async with closing(channel(gone, timeout=1)) as slack_channel:
            errors = await asyncio.gather(
                failure(slack_channel, BEN), failure(slack_channel, ann(gone))
            )
    assert [str(error) for error in errors] == ["HTTP: no answer within 1 s"] * 2


async def test_nobody_listens_and_no_secret_is_written(
    server: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    errors = []
    async with closing(channel(server)) as slack_channel:
        await slack_channel.send(message(), ann(server))
        await slack_channel.send(message(), BEN)
    async with slack() as gone:
        pass
    async with closing(channel(gone)) as slack_channel:
        for to in (BEN, ann(gone)):
            error = await failure(slack_channel, to)
            assert not error.permanent
            errors.append(str(error))
    written = caplog.text + "".join(errors)
    assert TOKEN not in written
    assert "secret-of-the-hook" not in written
