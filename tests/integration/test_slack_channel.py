"""Slack by a person's own webhook and by a bot, when it accepts, refuses, limits and hangs."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from notilog.notifications.channels.channel import Recipient
from notilog.notifications.channels.slack import Config, SlackChannel
from tests.integration.sent_messages import HOSTILE, closing, failure, message
from tests.outside.hanging import hanging_server
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


async def test_an_answer_that_is_not_json_is_temporary(server: Slack) -> None:
    server.answers = [web.Response(status=502, text="<html>", content_type="text/html")]
    async with closing(channel(server)) as slack_channel:
        assert not (await failure(slack_channel, BEN)).permanent


async def test_private_webhooks_are_refused(server: Slack) -> None:
    async with closing(channel(server, allow_private=False)) as slack_channel:
        error = await failure(slack_channel, ann(server))
    assert error.permanent
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
