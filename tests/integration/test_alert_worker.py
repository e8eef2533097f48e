"""From the API through a real worker to Telegram, and how long that took."""

from pathlib import Path
from time import monotonic

import pytest

from tests.integration.alerting import failure
from tests.integration.conftest import SignIn
from tests.integration.waiting import until
from tests.outside.telegram import TOKEN, bot_api
from tests.servers import worker as servers

QUEUES = "logs,deliveries,deliveries.telegram"


async def test_an_error_is_told_while_the_next_ones_are_counted(
    environment: pytest.MonkeyPatch, sign_in: SignIn, tmp_path: Path
) -> None:
    async with bot_api() as telegram:
        environment.setenv("NOTILOG_CHANNELS__TELEGRAM__TOKEN", TOKEN)
        environment.setenv("NOTILOG_CHANNELS__TELEGRAM__BASE_URL", telegram.url)
        ann = await sign_in("ann", role="admin", telegram_chat_id="42")
        rule = {
            "name": "Refused",
            "pattern": "refused",
            "recipients": [{"login": "ann", "channel": "telegram"}],
        }
        assert (await ann.api.post("alert_rules", json=rule)).status_code == 201

        async def is_told() -> bool:
            return bool(telegram.sent)

        async def is_measured() -> bool:
            shown = (await ann.api.get("metrics")).text
            return "notilog_alert_seconds_count 1.0" in shown and (
                'notilog_delivery_lateness_seconds_count{channel="telegram"} 1.0' in shown
            )

        with servers.worker(tmp_path, "-Q", QUEUES):
            accepted_at = monotonic()
            assert (await ann.api.post("logs", json=failure())).status_code == 202
            await until(is_told)
            taken = telegram.sent[0].at - accepted_at
            print(f"from the request to Telegram's: {taken * 1000:.0f} ms")
            flood = [failure(f"order {number} refused") for number in range(3000)]
            assert (await ann.api.post("logs", json=flood)).status_code == 202

            async def are_counted() -> bool:
                found = await ann.api.get("logs/facets", params={"min_level": "error"})
                levels: list[dict[str, object]] = found.json()["fields"]["level"]
                return levels == [{"value": "error", "records": 3001}]

            await until(are_counted)
            await until(is_measured)
    assert [message.chat_id for message in telegram.sent] == [42]
    assert "order 18 refused" in telegram.sent[0].text
