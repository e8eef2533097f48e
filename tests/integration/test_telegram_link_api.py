"""The code that links a chat, over REST."""

import pytest

from notilog import settings as schema
from notilog.bot.tables import TelegramBotRow
from notilog.db.session import transaction
from tests.integration.conftest import Person
from tests.outside.telegram import TOKEN

LINK = "channels/telegram/link"


@pytest.fixture
def configured(environment: pytest.MonkeyPatch, transport: object) -> None:
    environment.setenv("NOTILOG_CHANNELS__TELEGRAM__TOKEN", TOKEN)
    schema.load()


async def test_a_code_is_given_to_whoever_signed_in(configured: None, ann: Person) -> None:
    answer = await ann.api.post(LINK)
    assert answer.status_code == 201
    body = answer.json()
    assert body["command"] == f"/start {body['code']}"
    assert body["url"] is None
    async with transaction() as tx:
        tx.add(TelegramBotRow(id=int(TOKEN.partition(":")[0]), username="notilog_test_bot"))
    other = (await ann.api.post(LINK)).json()
    assert other["url"] == f"https://t.me/notilog_test_bot?start={other['code']}"
    assert other["code"] != body["code"]


async def test_no_program_is_given_a_code(configured: None, admin: Person) -> None:
    token = (await admin.api.post("tokens", json={"name": "all", "scopes": ["admin"]})).json()
    headers = {"Authorization": f"Bearer {token['token']}"}
    assert (await admin.api.post(LINK, headers=headers)).status_code == 403


async def test_without_a_token_of_a_bot_there_is_nothing_to_link(ann: Person) -> None:
    answer = await ann.api.post(LINK)
    assert answer.status_code == 409
    assert answer.json()["detail"] == "the channel telegram is not configured"
