"""What the settings of channels keep secret is in no answer, no log and no task."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from notilog import settings as schema
from notilog.config import Settings
from notilog.errors import SendFailed
from notilog.notifications.channels import CHANNELS, open_channel
from tests.integration.conftest import Person
from tests.integration.sent_messages import ANN, message
from tests.outside.certificates import server_context
from tests.outside.smtp import mail_server

MARK = "hush-5ecret"
HOOK_SECRET = "aHVzaC01ZWNyZXQtb2YtdGhlLWhvb2s="
SECRETS = {
    "EMAIL__PASSWORD": MARK,
    "EMAIL__USERNAME": "notilog",
    "WEBHOOK__URL": f"http://127.0.0.1:9/{MARK}",
    "WEBHOOK__SECRET": HOOK_SECRET,
    "SLACK__TOKEN": f"xoxb-{MARK}",
    "SLACK__CHANNEL": "C0",
    "SLACK__BASE_URL": "http://127.0.0.1:9/",
    "DISCORD__URL": f"http://127.0.0.1:9/{MARK}",
    "TELEGRAM__TOKEN": f"1234:{MARK}",
    "TELEGRAM__BASE_URL": "http://127.0.0.1:9",
    "SMS__URL": f"smseagle://{MARK}@127.0.0.1:9/{{phone}}",
    "APPRISE__URL": f"json://user:{MARK}@127.0.0.1:9/",
    "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "KAFKA__TOPIC": "notices",
    "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA__USERNAME": "notilog",
    "KAFKA__PASSWORD": MARK,
    "KAFKA__TIMEOUT": "1",
    "EMAIL__HOST": "127.0.0.1",
    "EMAIL__PORT": "9",
    "EMAIL__TLS": "none",
}


@pytest.fixture
def secrets(environment: pytest.MonkeyPatch) -> Settings:
    for name, value in SECRETS.items():
        environment.setenv(f"NOTILOG_CHANNELS__{name}", value)
    for name in ("WEBHOOK", "SLACK", "DISCORD"):
        environment.setenv(f"NOTILOG_CHANNELS__{name}__ALLOW_PRIVATE", "true")
    return schema.load()


def is_told(text: str) -> bool:
    return MARK in text or HOOK_SECRET in text


async def test_no_answer_tells_a_secret(secrets: Settings, admin: Person) -> None:
    answers = [await admin.api.get(path) for path in ("channels", "health", "deliveries")]
    channels = {one["kind"]: one for one in answers[0].json()["items"]}
    assert all(channel["configured"] for channel in channels.values())
    assert not any(is_told(answer.text) for answer in answers)


@pytest.mark.parametrize("kind", sorted(set(CHANNELS) - {"log"}))
async def test_a_test_that_fails_tells_no_secret(
    secrets: Settings, admin: Person, kind: str
) -> None:
    to = {"email": "ann@example.org", "sms": "+79161234567", "telegram": "42"}.get(kind, "ann")
    to = f"http://127.0.0.1:9/{MARK[:4]}" if kind == "webhook" else to
    answer = await admin.api.post(f"channels/{kind}/test", json={"to": to})
    assert answer.status_code in {422, 502, 503}, answer.text
    assert not is_told(answer.text)


@pytest.mark.parametrize("kind", sorted(set(CHANNELS) - {"log"}))
async def test_a_failure_is_logged_without_a_secret(
    secrets: Settings, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel = open_channel(kind)
    try:
        with pytest.raises(SendFailed) as caught:
            async with asyncio.timeout(20):
                await channel.send(message(), ANN)
    finally:
        await channel.close()
    assert not caught.value.permanent
    assert not is_told(str(caught.value) + caplog.text)


async def test_a_mail_servers_password_is_not_logged(
    environment: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context, trusted = server_context(tmp_path)
    caplog.set_level(logging.DEBUG)
    async with mail_server(starttls=context, login=("notilog", MARK)) as box:
        given = {"HOST": "127.0.0.1", "PORT": str(box.port), "TLS": "starttls"}
        given |= {"CA_FILE": str(trusted), "USERNAME": "notilog", "PASSWORD": MARK}
        for name, value in given.items():
            environment.setenv(f"NOTILOG_CHANNELS__EMAIL__{name}", value)
        schema.load()
        channel = open_channel("email")
        await channel.send(message(), ANN)
        await channel.close()
    assert len(box.mails) == 1
    # The server of the test logs what it is sent; it is not ours.
    ours = [record for record in caplog.records if not record.name.startswith("mail.")]
    assert not is_told(json.dumps([record.getMessage() for record in ours]))
