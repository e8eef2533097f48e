"""The channels ``sms`` and ``apprise``, against an SMS gateway and a receiver of JSON."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from notilog.errors import SendFailed
from notilog.notifications.channels.apprise import AppriseChannel
from notilog.notifications.channels.apprise import Config as AppriseConfig
from notilog.notifications.channels.apprise_sending import addresses, filled
from notilog.notifications.channels.channel import Channel, Recipient
from notilog.notifications.channels.sms import LONGEST, SmsChannel
from notilog.notifications.channels.sms import Config as SmsConfig
from tests.integration.sent_messages import message
from tests.outside.http import Receiver, receiver
from tests.outside.sms import Gateway, gateway

ANN = Recipient(login="ann", email="ann@example.org", phone="+79161234567")
LOGGERS = ("", "apprise", "urllib3", "urllib3.connectionpool", "requests")


@asynccontextmanager
async def sms(url: str, **changes: Any) -> AsyncIterator[SmsChannel]:
    made = SmsChannel(SmsConfig.model_validate({"url": url, **changes}))
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def apprise(url: str, **changes: Any) -> AsyncIterator[AppriseChannel]:
    made = AppriseChannel(AppriseConfig.model_validate({"url": url, **changes}))
    try:
        yield made
    finally:
        await made.close()


async def failure(channel: Channel, to: Recipient = ANN) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await channel.send(message(), to)
    return caught.value


@pytest.fixture
async def box() -> AsyncIterator[Gateway]:
    async with gateway() as made:
        yield made


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as made:
        yield made


@pytest.fixture(autouse=True)
def every_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def json_url(hook: Receiver, path: str = "/hook") -> str:
    return f"json://user:s3cr3t-word@127.0.0.1:{hook.port}{path}"


async def test_a_text_is_sent_to_the_digits_of_the_number(box: Gateway) -> None:
    sent = message()
    async with sms(box.url) as channel:
        await channel.send(sent, ANN)
        await channel.send(sent, replace(ANN, phone="+1 (555) 123-45-67"))
    assert box.texts[0] == {
        "access_token": "s3cr3t-token",
        "to": "79161234567",
        "message": "Mon 1 Jun 2026, 08:00",
        "highpriority": 0,
        "unicode": 1,
        "message_type": "sms",
        "responsetype": "extended",
        "flash": 0,
        "test": 0,
    }
    assert box.texts[1]["to"] == "15551234567"


async def test_a_long_text_is_cut(box: Gateway) -> None:
    async with sms(box.url) as channel:
        await channel.send(replace(message(), text="Планёрка\n" + "ж" * 1000), ANN)
        await channel.send(replace(message(), text="я" * LONGEST), ANN)
    long, fitting = (one["message"] for one in box.texts)
    assert len(long) == LONGEST
    assert long.startswith("Планёрка\nж")
    assert long.endswith("ж…")
    assert fitting == "я" * LONGEST


async def test_title_and_text_reach_any_service(hook: Receiver) -> None:
    sent = replace(message(), text="<b>Планёрка</b> & {login} \\n 100%\n")
    async with apprise(json_url(hook)) as channel:
        await channel.send(sent, ANN)
    (post,) = hook.posts
    assert post.headers["Authorization"].startswith("Basic ")
    assert post.headers["User-Agent"] == "NotiLog"
    body = json.loads(post.body)
    assert (body["title"], body["message"].strip()) == (sent.title, sent.text.strip())


async def test_many_messages_at_once_have_a_thread_each(box: Gateway) -> None:
    async with sms(box.url, concurrency=3) as channel:
        assert channel.concurrency == 3
        await asyncio.gather(*(channel.send(message(), ANN) for _ in range(20)))
    assert len(box.texts) == 20
    assert sum(one.name.startswith("apprise") for one in threading.enumerate()) <= 3


STATUSES = [
    *((status, True, False) for status in (302, 400, 401, 403, 404, 422)),
    *((status, False, False) for status in (408, 425, 500, 502, 503)),
    (429, False, True),
]


@pytest.mark.parametrize(("status", "permanent", "throttled"), STATUSES)
async def test_statuses_of_a_gateway_say_whether_to_try_again(
    box: Gateway, status: int, *, permanent: bool, throttled: bool
) -> None:
    box.statuses = [status]
    async with sms(box.url) as channel:
        error = await failure(channel)
        assert str(error) == f"SMS Eagle: HTTP {status}"
        assert (error.permanent, error.throttled) == (permanent, throttled)
        await channel.send(message(), ANN)
    assert len(box.texts) == 1


@pytest.mark.parametrize(("status", "permanent", "throttled"), STATUSES)
async def test_statuses_of_a_service_say_whether_to_try_again(
    hook: Receiver, status: int, *, permanent: bool, throttled: bool
) -> None:
    hook.answers = [web.Response(status=status, headers={"Location": "/hook"}, text="error=404")]
    async with apprise(json_url(hook)) as channel:
        error = await failure(channel)
    assert str(error) == f"JSON: HTTP {status}"
    assert (error.permanent, error.throttled) == (permanent, throttled)
    assert len(hook.posts) == 1


async def test_a_gateway_that_refuses_in_its_own_words_is_asked_again(box: Gateway) -> None:
    box.errors = ["no credit, error=404", "error=400"]
    async with sms(box.url) as channel:
        for _ in range(2):
            error = await failure(channel)
            assert (error.permanent, str(error)) == (False, "SMS Eagle: not accepted")


async def test_a_message_that_speaks_of_errors_does_not_make_one(hook: Receiver) -> None:
    hook.answers = [web.Response(status=503)]
    async with apprise(json_url(hook)) as channel:
        with pytest.raises(SendFailed) as caught:
            await channel.send(replace(message(), text="error=404"), ANN)
    assert not caught.value.permanent


async def test_nobody_listens(box: Gateway) -> None:
    async with gateway() as gone:
        pass
    async with sms(gone.url) as channel:
        error = await failure(channel)
    assert (error.permanent, str(error)) == (False, "SMS Eagle: not accepted")


async def test_a_gateway_that_hangs_is_left_alone(box: Gateway) -> None:
    box.hanging = True
    begun = asyncio.get_running_loop().time()
    async with sms(box.url, timeout=0.2, concurrency=1) as channel:
        assert not (await failure(channel)).permanent
    assert asyncio.get_running_loop().time() - begun < 2
    box.hanging = False
    async with sms(box.url) as channel:
        await channel.send(message(), ANN)
    assert len(box.texts) == 1


async def test_a_message_can_be_cancelled(box: Gateway) -> None:
    box.hanging = True
    async with sms(box.url, timeout=0.5) as channel:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await channel.send(message(), ANN)


async def test_one_messages_failure_is_not_anothers(box: Gateway, hook: Receiver) -> None:
    box.statuses = [404] * 10
    hook.answers = [web.Response(status=503) for _ in range(10)]
    async with sms(box.url) as texting, apprise(json_url(hook)) as posting:
        errors = await asyncio.gather(
            *(failure(channel) for _ in range(10) for channel in (texting, posting))
        )
    assert {str(error) for error in errors[::2]} == {"SMS Eagle: HTTP 404"}
    assert {str(error) for error in errors[1::2]} == {"JSON: HTTP 503"}


async def test_secrets_are_in_no_error_and_no_log(
    box: Gateway, hook: Receiver, every_log: pytest.LogCaptureFixture
) -> None:
    box.statuses, box.errors = [500, 404], ["s3cr3t"]
    hook.answers = [web.Response(status=500, text="s3cr3t")]
    logging.getLogger("notilog").debug("logs are kept")
    told = []
    async with gateway() as gone:
        pass
    async with sms(box.url) as texting, sms(gone.url) as calling, apprise(json_url(hook)) as any_:
        told = [await failure(one) for one in (texting, texting, texting, calling, any_)]
        await texting.send(message(), ANN)
    for error in told:
        assert "s3cr3t" not in f"{error}{error.__cause__}"
        assert "127.0.0.1" not in str(error)
    ours = [one for one in every_log.records if one.name != "aiohttp.access"]
    assert [one.getMessage() for one in ours if one.name != "asyncio"] == ["logs are kept"]


@pytest.mark.parametrize("phone", [None, "", "ann", "12", "+7916/1234567", "79161234567/1", "@a"])
async def test_a_phone_that_is_none_is_refused(box: Gateway, phone: str | None) -> None:
    async with sms(box.url) as channel:
        error = await failure(channel, Recipient("ann", phone=phone))
    assert error.permanent
    assert "phone number" in str(error)
    assert box.texts == []


HOSTILE = (
    "../x",
    "a?b=c",
    "a#b",
    "a/b",
    "a%2Fb",
    "a&b",
    "a:b",
    "{phone}",
    "a b",
    "http://a",
    "a\n",
)


@pytest.mark.parametrize("value", ["", *HOSTILE])
@pytest.mark.parametrize("name", ["login", "email"])
async def test_what_a_person_wrote_does_not_change_the_url(
    hook: Receiver, name: str, value: str
) -> None:
    async with apprise(json_url(hook, f"/hook/{{{name}}}")) as channel:
        error = await failure(channel, replace(ANN, **{name: value}))
    assert error.permanent
    assert hook.posts == []


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_test_message_goes_to_no_url_but_the_one_that_is_set(
    hook: Receiver, value: str
) -> None:
    async with apprise(json_url(hook, "/hook?-to={login}")) as channel:
        assert (await failure(channel, channel.recipient(value))).permanent
    async with apprise(json_url(hook)) as channel:
        await channel.send(message(), channel.recipient(value))
    assert len(hook.posts) == 1


def test_a_person_is_put_into_the_url() -> None:
    to = replace(ANN, login="ann.b-c_d", email="ann+x@example.org")
    places = {"login", "email", "phone"}
    url = filled("json://h/{login}/{phone}?-e={email}&-p={phone}", addresses(to, places))
    assert url == ("json://h/ann.b-c_d/79161234567?-e=ann%2Bx%40example.org&-p=79161234567")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("smseagle://s3cr3t@127.0.0.1/", "must have {phone}"),
        ("smseagle://s3cr3t@127.0.0.1/{phone}/{name}", "braces around something else"),
        ("pigeon://s3cr3t@127.0.0.1/{phone}", "Apprise knows"),
        ("s3cr3t {phone}", "Apprise knows"),
        ("json://s3cr3t:x@{login}/{phone}", "for a host"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_shown(
    url: str, reason: str, every_log: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValidationError) as caught:
        SmsConfig.model_validate({"url": url})
    assert reason in str(caught.value)
    assert "s3cr3t" not in f"{caught.value}{every_log.text}"


async def test_a_url_that_is_not_usable_for_one_person_is_a_permanent_failure() -> None:
    url = SecretStr("pigeon://s3cr3t@127.0.0.1/{login}")
    channel = AppriseChannel(AppriseConfig.model_construct(url=url, timeout=1.0, concurrency=1))
    error = await failure(channel)
    await channel.close()
    assert (error.permanent, str(error)) == (True, "Apprise cannot use the URL that is set")


def test_they_say_what_they_need() -> None:
    assert SmsChannel(SmsConfig()).missing() == ("NOTILOG_CHANNELS__SMS__URL",)
    assert AppriseChannel(AppriseConfig()).missing() == ("NOTILOG_CHANNELS__APPRISE__URL",)
    assert SmsChannel.recipient("+1555").phone == "+1555"
