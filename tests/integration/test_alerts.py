"""Records that match a rule become messages: at once, once, and later how many more there were."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, text, update

from notilog import clock, jobs
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.jobs import Wakeup
from notilog.logs import handing, progress
from notilog.logs.alerts import rules
from notilog.logs.alerts.drafts import RuleDraft, rule_of
from notilog.logs.alerts.rehearsal import rehearse
from notilog.logs.alerts.rulebook import compiled
from notilog.logs.alerts.rules import Addressee
from notilog.logs.alerts.states import OTHER
from notilog.logs.alerts.tables import AlertRuleRow
from notilog.logs.alerts.watch import watch
from notilog.logs.connectors.alerts import AlertsConnector
from notilog.logs.connectors.connector import Handed
from notilog.logs.tables import LogRetryRow
from notilog.notifications.sending import drain
from notilog.notifications.wishes import CRITICAL, LOW, NEAR
from notilog.users.caller import Caller
from notilog.users.tables import UserRow
from tests.integration.alerting import (
    deliveries,
    failure,
    handed,
    make_rule,
    said,
    states,
    stored,
)
from tests.integration.calendar.attendees import add
from tests.outside.telegram import TOKEN, BotApi, bot_api

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def woken() -> list[Wakeup]:
    """The wake-ups that were sent."""
    sent: list[Wakeup] = []

    async def remember(wakeup: Wakeup) -> None:
        sent.append(wakeup)

    jobs.bind(remember)
    return sent


@pytest.fixture(autouse=True)
def _looking(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_LOGS__CONNECTORS", '["alerts"]')


@pytest.fixture
async def ann(database: None) -> Caller:
    """Reads Russian in Moscow; reached by Telegram when it is configured."""
    ann = await add("ann", timezone="Europe/Moscow", language="ru")
    async with transaction() as tx:
        await tx.execute(
            update(UserRow).where(UserRow.id == ann.user_id).values(telegram_chat_id="42")
        )
    return ann


@pytest.fixture
async def telegram(environment: pytest.MonkeyPatch, database: None) -> AsyncIterator[BotApi]:
    async with bot_api() as made:
        environment.setenv("NOTILOG_CHANNELS__TELEGRAM__TOKEN", TOKEN)
        environment.setenv("NOTILOG_CHANNELS__TELEGRAM__BASE_URL", made.url)
        environment.setenv("NOTILOG_CHANNELS__TELEGRAM__PER_CHAT_PER_SECOND", "1000")
        environment.setenv("NOTILOG_DELIVERIES__LOOKAHEAD", "1")
        schema.load()
        yield made


@pytest.fixture
def connector(database: None) -> AlertsConnector:
    return AlertsConnector()


async def test_a_line_is_told_by_telegram_at_once(
    ann: Caller, telegram: BotApi, connector: AlertsConnector, woken: list[Wakeup]
) -> None:
    await make_rule(ann, name="Refused <orders>", project="shop", pattern="refused")
    at = datetime.fromisoformat("2026-11-20T10:00:00+00:00")
    batch = handed(
        failure("sold"), failure("order <18> & co refused", ts=at.isoformat()), failure("x")
    )
    await connector.take([batch])
    assert woken == [Wakeup("deliveries.send", ("telegram",))]
    (row,) = await deliveries()
    assert (row.kind, row.channel, row.due_at) == ("alert", "telegram", batch.accepted_at)
    await drain("telegram")
    (sent,) = telegram.sent
    assert sent.chat_id == 42
    assert sent.text.splitlines() == [
        "Refused <orders>",
        "shop/cart · ERROR",
        "Пт 20 нояб. 2026, 13:00:00 (Europe/Moscow)",
        "",
        "order <18> & co refused",
    ]


async def test_ten_thousand_lines_in_a_minute_are_one_message_and_later_a_count(
    ann: Caller, telegram: BotApi, connector: AlertsConnector
) -> None:
    await make_rule(ann, cooldown_seconds=300)
    begin = clock.now() - timedelta(seconds=400)
    for number in range(10):
        lines = [failure(f"order {number * 1000 + n} refused") for n in range(1000)]
        await connector.take([handed(*lines, at=begin + number * 6 * SECOND)])
        await watch(begin + number * 6 * SECOND)
    assert await said() == [("matched", 1)]
    await watch(clock.now())
    await watch(clock.now())
    assert await said() == [("matched", 1), ("more", 9999)]
    await drain("telegram")
    assert sum("Ещё 9999 строк с" in one.text for one in telegram.sent) == 1
    await watch(clock.now() + timedelta(days=1))
    assert await states() == []


async def test_without_rules_records_are_not_even_read(connector: AlertsConnector) -> None:
    batch = Handed(uuid4(), clock.now(), b"not read")
    await connector.take([batch])
    assert "records" not in vars(batch)


async def test_damaged_rows_stop_nothing(ann: Caller, connector: AlertsConnector) -> None:
    await make_rule(ann)
    await connector.take([Handed(uuid4(), clock.now(), b"damaged"), handed(failure())])
    assert await said() == [("matched", 1)]


async def test_a_batch_that_comes_again_counts_once(
    ann: Caller, connector: AlertsConnector
) -> None:
    await make_rule(ann)
    batch, other = handed(failure(), failure()), handed(failure())
    await connector.take([batch, batch])
    await AlertsConnector().take([batch, other])
    assert [state.suppressed for state in await states()] == [2]
    assert await said() == [("matched", 1)]


async def test_two_workers_at_once_count_everything_and_tell_it_once(
    ann: Caller, connector: AlertsConnector
) -> None:
    await make_rule(ann)
    await make_rule(ann, name="By host", group_by=["host"])
    batches = [handed(*(failure(host=f"h{n % 7}") for n in range(20))) for _ in range(12)]
    takes = [
        AlertsConnector().take(some)
        for some in (batches[:6], batches[3:9], batches[6:], batches[::-1])
    ]
    await asyncio.gather(*takes)
    found = await states()
    assert len(found) == 8
    assert sum(state.suppressed + 1 for state in found) == 2 * 12 * 20
    assert await said() == [("matched", 1)] * 8


async def test_groups_beyond_the_bound_share_one(
    ann: Caller, connector: AlertsConnector, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_LOGS__ALERTS__GROUPS", "3")
    schema.load()
    await make_rule(ann, group_by=["host"])
    await connector.take([handed(*(failure(host=f"h{n}") for n in range(5)))])
    await connector.take([handed(failure(host="h9"), failure(host="h0"))])
    assert {state.fingerprint: state.suppressed for state in await states()} == {
        "h0": 1,
        "h1": 0,
        "h2": 0,
        OTHER: 2,
    }


async def test_what_does_not_come_is_told_once_and_so_is_its_return(
    ann: Caller, connector: AlertsConnector
) -> None:
    begin = clock.now() - timedelta(hours=1)
    await make_rule(ann, kind="absence", within_seconds=60, min_level=None, now=begin)
    await connector.take([handed(failure(), at=begin + 30 * SECOND)])
    await looked_until(begin + 1000 * SECOND)
    await watch(begin + 80 * SECOND)
    assert await said() == []
    for seconds in (95, 100, 1000):
        await watch(begin + seconds * SECOND)
    assert await said() == [("missing", 1)]
    await connector.take([handed(failure(), failure(), at=begin + 1001 * SECOND)])
    assert await said() == [("missing", 1), ("back", 1)]


async def test_nothing_is_missing_as_long_as_what_came_was_not_looked_at(
    ann: Caller, connector: AlertsConnector
) -> None:
    begin = clock.now() - timedelta(hours=1)
    await make_rule(ann, kind="absence", within_seconds=60, min_level=None, now=begin)
    assert await watch(begin + 300 * SECOND)
    await looked_until(begin + 50 * SECOND)
    await watch(begin + 300 * SECOND)
    assert await said() == []
    late = handed(failure(), at=begin + 50 * SECOND)
    async with transaction() as tx:
        tx.add(
            LogRetryRow(
                connector="alerts",
                batch_id=late.id,
                accepted_at=late.accepted_at,
                rows=late.rows,
                attempt_at=begin,
                last_error="the database failed",
            )
        )
    await looked_until(begin + 100 * SECOND)
    await watch(begin + 300 * SECOND)
    assert await said() == []
    while await handing.retry("alerts", clock.now()):
        pass
    await watch(begin + 300 * SECOND)
    assert await said() == []
    await looked_until(begin + 300 * SECOND)
    await watch(begin + 300 * SECOND)
    assert await said() == [("missing", 1)]


async def looked_until(at: datetime) -> None:
    """Say that everything which was accepted before has been looked at."""
    async with transaction() as tx:
        await progress.note(tx, at + progress.MARGIN)


async def test_a_changed_rule_is_used_and_counts_anew(
    ann: Caller, connector: AlertsConnector
) -> None:
    rule_id = await make_rule(ann, pattern="refused")
    await connector.take([handed(failure("refused")), handed(failure("lost"))])
    async with transaction() as tx:
        changes: dict[str, Any] = {"pattern": "lost"}
        await rules.change(
            tx,
            ann,
            rule_id=rule_id,
            changes=changes,
            recipients=None,
            expected=[1],
            now=clock.now(),
        )
    assert await states() == []
    # It matches the rule that the connector still knows, and so makes it look again.
    await connector.take([handed(failure("refused, lost"))])
    await connector.take([handed(failure("refused"))])
    (state,) = await states()
    assert (state.suppressed, state.line and state.line["message"]) == (0, "refused, lost")
    async with transaction() as tx:
        await tx.execute(delete(AlertRuleRow))
    await connector.take([handed(failure("lost"))])
    assert await states() == []


async def test_people_are_told_where_they_wish_and_no_two_rules_are_one(
    ann: Caller, connector: AlertsConnector, woken: list[Wakeup]
) -> None:
    ben = await add("ben")
    boss = Caller(ann.user_id, "ann", "admin", scopes=None, project=None)
    for name in ("One", "Two"):
        await make_rule(boss, Addressee("Ann"), Addressee("ben", "webhook"), name=name)
    await connector.take([handed(failure())])
    told = {(row.content["rule"], row.user_id, row.channel) for row in await deliveries()}
    assert told == {
        (name, *where)
        for name in ("One", "Two")
        for where in ((ann.user_id, "log"), (ben.user_id, "webhook"))
    }
    assert {wakeup.args for wakeup in woken} == {("log",), ("webhook",)}


@pytest.mark.parametrize(
    ("level", "priority"), [("critical", CRITICAL), ("error", NEAR), ("info", LOW)]
)
async def test_how_urgent_it_is(
    ann: Caller, connector: AlertsConnector, level: str, priority: int
) -> None:
    await make_rule(ann, min_level=None)
    await connector.take([handed(failure(level=level))])
    assert [row.priority for row in await deliveries()] == [priority]


async def test_a_failure_of_the_database_counts_nothing(
    ann: Caller, connector: AlertsConnector
) -> None:
    await make_rule(ann)
    batch = handed(failure())
    await _execute("ALTER TABLE deliveries RENAME TO gone")
    with pytest.raises(Exception, match="deliveries"):
        await connector.take([batch])
    await _execute("ALTER TABLE gone RENAME TO deliveries")
    assert await states() == []
    await connector.take([batch])
    assert await said() == [("matched", 1)]


async def test_while_no_connector_looks_nothing_is_missing(
    ann: Caller, environment: pytest.MonkeyPatch
) -> None:
    await make_rule(ann, kind="absence", within_seconds=1)
    environment.setenv("NOTILOG_LOGS__CONNECTORS", "[]")
    schema.load()
    await watch(clock.now() + timedelta(hours=1))
    assert await said() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"cooldown_seconds": 20},
        {"count": 4, "within_seconds": 30, "cooldown_seconds": 40, "group_by": ["host"]},
        {"kind": "absence", "within_seconds": 25, "cooldown_seconds": 5, "attrs": {"n": 1}},
    ],
)
async def test_a_dry_run_says_what_really_is_said(
    ann: Caller, connector: AlertsConnector, fields: dict[str, Any]
) -> None:
    since = (clock.now() - timedelta(minutes=30)).replace(microsecond=0)
    rule_id = await make_rule(ann, now=since, **fields)
    lines = [
        (
            since + seconds * SECOND,
            failure(f"m{seconds % 3}", host=f"h{seconds % 2}", attrs={"n": 1}),
        )
        for seconds in (1, 2, 3, 4, 5, 6, 7, 8, 30, 31, 33, 35, 36, 90, 95, 200, 201, 202)
    ]
    await stored(*({**line, "ts": at.isoformat()} for at, line in lines))
    for at, line in lines:
        await connector.take([handed({**line, "ts": at.isoformat()}, at=at)])
    until = since + timedelta(minutes=20)
    await looked_until(until)
    await watch(until)
    async with transaction() as tx:
        rule = compiled(await tx.get_one(AlertRuleRow, rule_id))
        run = await rehearse(tx, rule, since=since, until=until)
    really = sorted(
        (row.due_at, row.content["said"], row.content["count"], row.content["group"])
        for row in await deliveries()
    )
    dry = sorted(
        (told.verdict.at, told.verdict.said, told.verdict.count, told.fingerprint)
        for told in run.told
    )
    assert dry == really
    assert len(dry) == run.messages > 1
    assert (run.records, run.matched, run.cut) == (18, 18, None)


@pytest.mark.parametrize(("setting", "cut"), [("RECORDS", "records"), ("SECONDS", "time")])
async def test_a_dry_run_is_bounded(
    ann: Caller, environment: pytest.MonkeyPatch, setting: str, cut: str
) -> None:
    now = clock.now()
    await stored(*(failure() for _ in range(40)))
    environment.setenv(
        f"NOTILOG_LOGS__ALERTS__REHEARSAL_{setting}", "10" if cut == "records" else "1e-9"
    )
    schema.load()
    async with transaction() as tx:
        rule = rule_of(RuleDraft("Tried"))
        run = await rehearse(tx, rule, since=now - SECOND, until=now + 60 * SECOND)
    assert run.cut == cut
    assert run.records == (10 if cut == "records" else 0)


async def _execute(statement: str) -> None:
    async with transaction() as tx:
        await tx.execute(text(statement))
