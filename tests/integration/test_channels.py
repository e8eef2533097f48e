"""What every channel keeps to, and e-mail and webhooks against servers that misbehave."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError
from standardwebhooks import Webhook

from notilog.config import Settings
from notilog.errors import NotFound
from notilog.notifications.channels import CHANNELS, open_channel
from notilog.notifications.channels.channel import Recipient
from notilog.notifications.channels.email import Config as EmailConfig
from notilog.notifications.channels.email import EmailChannel
from notilog.notifications.channels.webhook import Config as WebhookConfig
from notilog.notifications.channels.webhook import WebhookChannel
from tests.integration.sent_messages import ANN, closing, failure, message
from tests.outside.certificates import server_context
from tests.outside.hanging import hanging_server
from tests.outside.http import Receiver, receiver
from tests.outside.smtp import Mailbox, mail_server

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


@pytest.mark.parametrize("kind", CHANNELS)
async def test_every_channel_says_what_it_needs(kind: str, settings: Settings) -> None:
    async with closing(open_channel(kind)) as channel:
        assert channel.label
        assert channel.concurrency >= 1
        assert isinstance(channel.recipient("x"), Recipient)
        assert all(
            name.startswith(f"NOTILOG_CHANNELS__{kind.upper()}__") for name in channel.missing()
        )
    assert CHANNELS[kind].settings.section == f"channels.{kind}"
    for name, field in CHANNELS[kind].settings.model_json_schema()["properties"].items():
        assert "default" in field, f"{name} has no safe default"


async def test_there_is_no_such_channel(settings: Settings) -> None:
    with pytest.raises(NotFound, match="there are log, email, webhook"):
        open_channel("pigeon")


async def test_the_log_channel_needs_nothing(settings: Settings) -> None:
    async with closing(open_channel("log")) as channel:
        assert channel.missing() == ()
        await channel.send(message(), ANN)


def email_channel(box: Mailbox, **changes: Any) -> EmailChannel:
    chosen = {"host": "127.0.0.1", "port": box.port, "tls": "none", "timeout": 5.0, **changes}
    return EmailChannel(EmailConfig.model_validate(chosen))


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mail_server() as made:
        yield made


async def test_many_mails_share_few_connections(box: Mailbox) -> None:
    async with closing(email_channel(box)) as channel:
        for _ in range(10):
            await asyncio.gather(*(channel.send(message(), ANN) for _ in range(3)))
    assert len(set(box.ids)) == 30
    assert box.connections == 3


async def test_a_mail_can_be_read(box: Mailbox) -> None:
    sent = message(title="Проверочное сообщение NotiLog")
    async with closing(
        email_channel(box, **{"from": "Планы (отдел) <notilog@example.org>"})
    ) as channel:
        await channel.send(sent, ANN)
    (mail,) = box.mails
    assert mail["From"].addresses[0].display_name == "Планы (отдел)"
    assert mail["From"].addresses[0].addr_spec == "notilog@example.org"
    assert mail["To"] == "ann@example.org"
    assert mail["Subject"] == "Проверочное сообщение NotiLog"
    assert mail["Message-ID"] == f"<{sent.id}@example.org>"
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content() == sent.text


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ("notilog@example.org", "notilog@example.org"),
        ("<notilog@example.org>", "notilog@example.org"),
        ("NotiLog <notilog@example.org>", "NotiLog <notilog@example.org>"),
    ],
)
def test_the_sender_may_have_a_name(given: str, header: str) -> None:
    assert EmailConfig.model_validate({"from": given}).header_from == header


@pytest.mark.parametrize(
    "given", ["", "notilog", "a@b.c\r\nBcc: x@y.z", "x\r\n <a@b.c>", "a@b.c, d@e.f"]
)
def test_a_sender_that_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="e-mail address"):
        EmailConfig.model_validate({"from": given})


async def test_a_server_that_closes_connections_loses_nothing(box: Mailbox) -> None:
    box.closing_after = 2
    async with closing(email_channel(box)) as channel:
        for _ in range(6):
            await channel.send(message(), ANN)
    assert len(set(box.ids)) == len(box.ids) == 6


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("451 4.7.1 greylisted", False), ("421 closing", False), ("554 5.7.1 spam", True)],
)
async def test_4xx_is_temporary_and_5xx_permanent(
    box: Mailbox, answer: str, *, permanent: bool
) -> None:
    box.answers["ann@example.org"] = [answer]
    async with closing(email_channel(box)) as channel:
        error = await failure(channel)
        assert error.permanent is permanent
        assert answer[:3] in str(error)
        await channel.send(message(), ANN)
    assert len(box.mails) == 1


async def test_a_refused_address_does_not_cost_the_connection(box: Mailbox) -> None:
    box.rejected.add("ann@example.org")
    async with closing(email_channel(box)) as channel:
        assert (await failure(channel)).permanent
        await channel.send(message(), Recipient("bob", email="bob@example.org"))
    assert box.recipients == ["bob@example.org"]
    assert box.connections == 1


@pytest.mark.parametrize(
    "address",
    ["", "ann", "ann@", "a nn@b.c", "ann@b.c\r\nDATA", "ann@b.c>\r\n", "<ann@b.c>", "ж@b.c"],
)
async def test_an_address_that_is_none_is_refused_before_any_connection(
    box: Mailbox, address: str
) -> None:
    async with closing(email_channel(box)) as channel:
        error = await failure(channel, Recipient("ann", email=address))
    assert error.permanent
    assert "ann" in str(error)
    assert box.connections == 0


async def test_an_international_domain_is_written_in_ascii(box: Mailbox) -> None:
    async with closing(email_channel(box)) as channel:
        await channel.send(message(), Recipient("ann", email="ann@пример.рф"))
    assert box.recipients == ["ann@xn--e1afmkfd.xn--p1ai"]


async def test_a_server_that_hangs_is_left_alone(box: Mailbox) -> None:
    box.hanging = True
    async with closing(email_channel(box, timeout=0.2)) as channel:
        error = await failure(channel)
        assert not error.permanent
        box.hanging = False
        await channel.send(message(), ANN)
    assert len(box.mails) == 1


async def test_no_server_is_a_temporary_failure(box: Mailbox) -> None:
    async with mail_server() as gone:
        pass
    async with closing(email_channel(gone)) as channel:
        assert not (await failure(channel)).permanent


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_encrypted_and_authenticated(tls: str, tmp_path: Path) -> None:
    context, trusted = server_context(tmp_path)
    async with mail_server(
        tls=context if tls == "tls" else None,
        starttls=context if tls == "starttls" else None,
        login=("notilog", "right"),
    ) as box:
        chosen = {"tls": tls, "username": "notilog", "ca_file": str(trusted)}
        async with closing(email_channel(box, **chosen, password="right")) as channel:
            await channel.send(message(), ANN)
        assert len(box.mails) == 1
        async with closing(email_channel(box, **chosen, password="wrong")) as channel:
            error = await failure(channel)
        assert not error.permanent
        assert "wrong" not in str(error)
        async with closing(email_channel(box, **chosen | {"ca_file": ""})) as channel:
            assert "certificate" in str(await failure(channel)).lower()
        assert len(box.mails) == 1


async def test_a_server_without_tls_gets_nothing_when_tls_is_asked(box: Mailbox) -> None:
    async with closing(email_channel(box, tls="starttls")) as channel:
        assert "STARTTLS" in str(await failure(channel))
    assert box.mails == []


def webhook_channel(to: str, **changes: Any) -> WebhookChannel:
    chosen = {"url": to, "secret": SECRET, "allow_private": True, **changes}
    return WebhookChannel(WebhookConfig.model_validate(chosen))


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


async def test_a_webhook_is_signed_and_carries_the_same_id_twice(hook: Receiver) -> None:
    sent = message()
    async with closing(webhook_channel(hook.url)) as channel:
        await channel.send(sent, ANN)
        await channel.send(sent, ANN)
    for post in hook.posts:
        body = Webhook(SECRET).verify(post.body, post.headers)
        assert body["type"] == "reminder"
        assert body["data"] == {**sent.data, "login": "ann", "title": sent.title, "text": sent.text}
        assert post.headers["webhook-id"] == post.headers["Idempotency-Key"] == str(sent.id)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *((status, True) for status in (302, 400, 404, 410)),
        *((status, False) for status in (408, 425, 429, 500, 503)),
    ],
)
async def test_statuses_say_whether_to_try_again(
    hook: Receiver, status: int, *, permanent: bool
) -> None:
    hook.answers = [web.Response(status=status, headers={"Location": hook.url}, text="secret")]
    async with closing(webhook_channel(hook.url)) as channel:
        error = await failure(channel)
    assert (error.permanent, str(error)) == (permanent, f"HTTP {status}")
    assert len(hook.posts) == 1


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("120", 120, 120),
        ("Wed, 01 Jan 2200 00:00:00 GMT", 86400, 86400),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0, 0),
    ],
)
async def test_retry_after_is_honoured(
    hook: Receiver, value: str, least: float, most: float
) -> None:
    hook.answers = [web.Response(status=429, headers={"Retry-After": value})]
    async with closing(webhook_channel(hook.url)) as channel:
        error = await failure(channel)
    assert error.retry_after is not None
    assert least <= error.retry_after <= most


async def test_retry_after_that_says_nothing_is_ignored(hook: Receiver) -> None:
    hook.answers = [web.Response(status=429, headers={"Retry-After": "soon"})]
    async with closing(webhook_channel(hook.url)) as channel:
        assert (await failure(channel)).retry_after is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]"])
async def test_private_targets_are_refused_however_they_are_written(
    hook: Receiver, host: str
) -> None:
    url = f"http://{host}:{hook.port}/hook"
    async with closing(webhook_channel(url, allow_private=False)) as channel:
        error = await failure(channel)
    assert error.permanent
    assert hook.posts == []


async def test_nobody_listens(hook: Receiver) -> None:
    async with receiver() as gone:
        pass
    async with closing(webhook_channel(gone.url)) as channel:
        assert not (await failure(channel)).permanent


async def test_a_receiver_that_hangs_is_left_alone() -> None:
    async with (
        hanging_server() as port,
        closing(webhook_channel(f"http://127.0.0.1:{port}/", timeout=0.2)) as channel,
    ):
        assert "no answer" in str(await failure(channel))
