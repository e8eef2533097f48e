"""A drain sends everything due, once, on time, and records what became of it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from notilog import clock
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.errors import SendFailed
from notilog.metrics import counted
from notilog.notifications import deliveries, sending
from notilog.notifications.attempts import DeliveriesSettings, failed, sent
from notilog.notifications.claims import claim, record
from notilog.notifications.sending import drain
from notilog.notifications.tables import DeliveryRow
from notilog.users.tables import UserRow
from tests.integration.decided import (
    alter,
    content,
    decide,
    decision,
    event_of,
    people,
    rows,
    statuses,
)
from tests.integration.waiting import until
from tests.outside.smtp import Mailbox

MINUTE = timedelta(minutes=1)
LATE_AFTER = timedelta(seconds=30)


@asynccontextmanager
async def draining(kind: str = "email") -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(drain(kind))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_everything_due_is_sent_once_under_its_own_id(box: Mailbox) -> None:
    logins = [f"user{number}" for number in range(300)]
    await decide(*(decision(user_id) for user_id in await people(*logins)))
    await drain("email")
    made = await rows()
    assert {row.status for row in made} == {"sent"}
    assert Counter(box.ids) == Counter(f"<{row.id}@localhost>" for row in made)
    assert sorted(box.recipients) == sorted(f"{login}@example.org" for login in logins)
    assert all(row.attempts == 1 and row.sent_at and not row.late for row in made)


async def test_two_drains_in_two_sessions_share_without_overlap(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await decide(*(decision(ann) for _ in range(50)))
    now = clock.now()

    async with asyncio.timeout(20), transaction() as one, transaction() as other:
        first = await claim(one, "email", now=now, limit=30, late_after=LATE_AFTER)
        second = await claim(other, "email", now=now, limit=30, late_after=LATE_AFTER)
    taken = [parcel.id for found in (first, second) for parcel in found.parcels]
    assert len(first.parcels) == 30
    assert len(taken) == len(set(taken)) == 50


async def test_what_is_withdrawn_while_it_waits_for_its_turn_is_not_sent(
    box: Mailbox, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_CHANNELS__EMAIL__CONCURRENCY", "1")
    schema.load()
    ann, bob = await people("ann", "bob")
    waiting = decision(ann)
    await decide(decision(bob, priority=1), waiting)
    box.hanging = True

    async def both_claimed() -> bool:
        return await statuses() == ["sending", "sending"] and box.connections == 1

    async with draining() as task:
        await until(both_claimed)
        async with transaction() as tx:
            await deliveries.withdraw(tx, event_of(waiting))

        async def failed_once() -> bool:
            return any(row.last_error for row in await rows())

        await until(failed_once)
        box.hanging = False
        await task
    assert box.recipients == ["bob@example.org"]
    assert sorted(await statuses()) == ["sent", "withdrawn"]


async def test_who_asks_while_a_drain_winds_up_gets_another(box: Mailbox) -> None:
    (ann,) = await people("ann")
    async with draining() as ending:
        await asyncio.sleep(0)
        while "email" in sending._drains:  # noqa: ASYNC110, SLF001  the very moment
            await asyncio.sleep(0)
        assert not ending.done()
        await decide(decision(ann))
        await drain("email")
    assert await statuses() == ["sent"]


async def test_what_falls_due_soon_is_waited_for_and_never_early(box: Mailbox) -> None:
    (ann,) = await people("ann")
    now = clock.now()
    await decide(*(decision(ann, due_at=now + timedelta(seconds=s)) for s in (0, 0.3, 0.6)))
    await decide(decision(ann, due_at=now + timedelta(seconds=60)))
    await drain("email")
    *sent_rows, waiting = await rows()
    assert waiting.status == "pending"
    for row in sent_rows:
        assert row.sent_at is not None
        assert row.sent_at >= row.due_at


async def test_a_running_drain_takes_what_is_decided_meanwhile(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await decide(decision(ann, due_at=clock.now() + timedelta(seconds=0.9)))

    async def two_arrived() -> bool:
        return len(box.mails) == 2

    async with draining() as task:
        await asyncio.sleep(0)
        await decide(decision(ann))
        await drain("email")
        await until(two_arrived)
        await task
    assert await statuses() == ["sent", "sent"]


async def test_the_urgent_go_first(box: Mailbox, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_CHANNELS__EMAIL__CONCURRENCY", "1")
    schema.load()
    ann, bob = await people("ann", "bob")
    await decide(*(decision(ann) for _ in range(5)), decision(bob, priority=1))
    await drain("email")
    assert box.recipients[0] == "bob@example.org"


async def test_a_busy_server_is_tried_again_until_it_accepts(box: Mailbox) -> None:
    (ann,) = await people("ann")
    box.answers["ann@example.org"] = ["451 busy", "421 closing", "452 full"]
    await decide(decision(ann))
    await drain("email")
    (row,) = await rows()
    assert (row.status, row.attempts, row.last_error) == ("sent", 4, "SMTP 452: full")
    assert len(box.mails) == 1


async def test_a_refused_address_is_dead_at_once_and_the_others_arrive(box: Mailbox) -> None:
    ann, bob = await people("ann", "bob")
    box.rejected.add("ann@example.org")
    await decide(decision(ann), decision(bob))
    await drain("email")
    dead, arrived = await rows()
    assert (dead.status, dead.attempts) == ("dead", 1)
    assert dead.last_error == "SMTP 550: 5.1.1 no such mailbox"
    assert arrived.status == "sent"


async def test_after_the_last_attempt_it_is_dead_and_says_why(
    box: Mailbox, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_DELIVERIES__MAX_ATTEMPTS", "3")
    schema.load()
    (ann,) = await people("ann")
    box.answers["ann@example.org"] = ["451 busy"] * 9
    await decide(decision(ann))
    await drain("email")
    (row,) = await rows()
    assert (row.status, row.attempts, row.last_error) == ("dead", 3, "SMTP 451: busy")


async def test_a_server_that_hangs_gets_the_mail_when_it_answers(box: Mailbox) -> None:
    (ann,) = await people("ann")
    box.hanging = True
    await decide(decision(ann))

    async def failed_once() -> bool:
        return (await rows())[0].last_error is not None

    async with draining() as task:
        await until(failed_once)
        box.hanging = False
        await task
    assert await statuses() == ["sent"]
    assert len(box.mails) == 1


async def test_a_channel_without_settings_says_which_are_missing(
    box: Mailbox, environment: pytest.MonkeyPatch
) -> None:
    (ann,) = await people("ann")
    await decide(decision(ann, channel="webhook"))
    await drain("webhook")
    (row,) = await rows()
    assert row.status == "dead"
    assert row.last_error == (
        "the channel webhook is not configured: set "
        "NOTILOG_CHANNELS__WEBHOOK__URL and NOTILOG_CHANNELS__WEBHOOK__SECRET"
    )


async def test_after_downtime_what_began_is_missed_and_the_rest_is_late(box: Mailbox) -> None:
    (ann,) = await people("ann")
    long_ago = clock.now() - timedelta(hours=1)
    begun = decision(ann, due_at=long_ago)
    coming = decision(ann, due_at=long_ago, occurrence_start=clock.now() + MINUTE)
    await decide(begun, coming)
    await drain("email")
    missed, late = await rows()
    assert (missed.status, missed.attempts, missed.sent_at) == ("missed", 0, None)
    assert (late.status, late.late) == ("sent", True)
    assert len(box.mails) == 1


async def test_a_reminder_at_the_very_start_is_not_missed(box: Mailbox) -> None:
    (ann,) = await people("ann")
    now = clock.now()
    await decide(decision(ann, due_at=now, occurrence_start=now, before="0m"))
    await drain("email")
    assert await statuses() == ["sent"]


async def test_what_was_retried_by_hand_is_sent_though_its_event_began(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await decide(decision(ann, due_at=clock.now() - timedelta(hours=1)))
    await alter(last_error="SMTP 554: spam")
    await drain("email")
    (row,) = await rows()
    assert (row.status, row.late) == ("sent", True)


async def test_a_claim_of_a_dead_worker_is_taken_over_after_its_lease(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await decide(decision(ann))
    async with transaction() as tx:
        found = await claim(tx, "email", now=clock.now(), limit=5, late_after=LATE_AFTER)
    (old,) = found.parcels
    await drain("email")
    assert box.mails == []
    await alter(attempt_at=clock.now())
    await drain("email")
    (row,) = await rows()
    assert (row.status, row.attempts) == ("sent", 2)
    late_failure = failed(
        old.id,
        old.first.lease_until,
        failure=SendFailed("too late to matter"),
        attempts=1,
        wanted_at=clock.now(),
        now=clock.now(),
        luck=0,
        rules=DeliveriesSettings(),
    )
    async with transaction() as tx:
        assert await record(tx, [late_failure]) == []
    assert await statuses() == ["sent"]


async def test_what_is_withdrawn_on_its_way_is_not_tried_again_but_may_arrive(
    box: Mailbox,
) -> None:
    (ann,) = await people("ann")
    one = decision(ann)
    await decide(one, replace(one, before="1h"))
    async with transaction() as tx:
        found = await claim(tx, "email", now=clock.now(), limit=5, late_after=LATE_AFTER)
    async with transaction() as tx:
        assert await deliveries.withdraw(tx, event_of(one)) == 2
    arrived, refused = found.parcels
    now = clock.now()
    async with transaction() as tx:
        await record(tx, [sent(arrived.id, arrived.first.lease_until, now=now)])
    by_id = {row.id: row.status for row in await rows()}
    assert by_id == {arrived.id: "sent", refused.id: "withdrawn"}


async def test_what_was_decided_again_on_its_way_is_not_sent_twice(box: Mailbox) -> None:
    (ann,) = await people("ann")
    one = decision(ann)
    await decide(one)
    async with transaction() as tx:
        found = await claim(tx, "email", now=clock.now(), limit=5, late_after=LATE_AFTER)
    (claimed,) = found.parcels
    async with transaction() as tx:
        await deliveries.withdraw(tx, event_of(one))
        await deliveries.decide(tx, [one])
    await drain("email")
    assert (await statuses(), box.mails) == (["pending"], [])
    async with transaction() as tx:
        await record(tx, [sent(claimed.id, claimed.first.lease_until, now=clock.now())])
    assert await statuses() == ["sent"]


async def test_a_person_who_moves_reads_the_time_of_their_new_zone(box: Mailbox) -> None:
    (ann,) = await people("ann")
    start = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    await decide(decision(ann, content=content(start)))
    async with transaction() as tx:
        await tx.execute(update(UserRow).values(timezone="Asia/Tokyo"))
    await drain("email")
    (mail,) = box.mails
    text = mail.get_body(("plain",))
    assert text is not None
    assert "21:00 – 22:00 (Asia/Tokyo)" in text.get_content()


async def test_an_outcome_does_not_wait_for_whoever_holds_its_row(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await decide(decision(ann))
    async with transaction() as tx:
        found = await claim(tx, "email", now=clock.now(), limit=5, late_after=LATE_AFTER)
    (claimed,) = found.parcels
    outcome = sent(claimed.id, claimed.first.lease_until, now=clock.now())
    async with transaction() as holder:
        await holder.get_one(DeliveryRow, claimed.id, with_for_update=True)
        async with transaction() as tx:
            assert await record(tx, [outcome]) == [outcome]
    async with transaction() as tx:
        assert await record(tx, [outcome]) == []
    assert await statuses() == ["sent"]


async def test_stopping_gives_back_what_was_not_sent(
    box: Mailbox, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_CHANNELS__EMAIL__CONCURRENCY", "1")
    environment.setenv("NOTILOG_CHANNELS__EMAIL__TIMEOUT", "20")
    schema.load()
    (ann,) = await people("ann")
    await decide(*(decision(ann) for _ in range(5)))
    box.hanging = True

    async def claimed() -> bool:
        return "sending" in await statuses() and box.connections == 1

    async with draining() as task:
        await until(claimed)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    made = await rows()
    assert Counter(row.status for row in made) == {"pending": 4, "sending": 1}
    assert [row.attempts for row in made if row.status == "pending"] == [0] * 4


async def test_greylisted_addresses_do_not_pause_the_others(
    box: Mailbox, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_DELIVERIES__BREAKER_FAILURES", "2")
    environment.setenv("NOTILOG_CHANNELS__EMAIL__CONCURRENCY", "1")
    environment.setenv("NOTILOG_DELIVERIES__RETRY_BASE", "3600")
    schema.load()
    grey = [f"grey{number}" for number in range(8)]
    *greylisted, ann = await people(*grey, "ann")
    for login in grey:
        box.answers[f"{login}@example.org"] = ["451 4.7.1 greylisted"] * 9
    await decide(*(decision(user_id, priority=4) for user_id in greylisted), decision(ann))
    async with asyncio.timeout(10):
        await drain("email")
    assert box.recipients == ["ann@example.org"]


async def test_a_server_that_is_away_pauses_the_channel_and_costs_few_attempts(
    box: Mailbox, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_DELIVERIES__BREAKER_FAILURES", "3")
    environment.setenv("NOTILOG_CHANNELS__EMAIL__CONCURRENCY", "2")
    schema.load()
    (ann,) = await people("ann")
    await decide(*(decision(ann) for _ in range(40)))
    box.hanging = True

    async def failed_three_times() -> bool:
        return sum(row.attempts for row in await rows() if row.last_error) >= 3

    async with draining() as task:
        await until(failed_three_times)
        await until(lambda: nothing("sending"))
        tried = [row for row in await rows() if row.attempts]
        assert len(tried) <= 8
        box.hanging = False
        await task
    assert set(await statuses()) == {"sent"}


async def nothing(status: str) -> bool:
    return status not in await statuses()


async def test_our_own_error_does_not_pause_a_channel(
    box: Mailbox, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_DELIVERIES__BREAKER_FAILURES", "2")
    environment.setenv("NOTILOG_CHANNELS__EMAIL__CONCURRENCY", "1")
    environment.setenv("NOTILOG_DELIVERIES__RETRY_BASE", "3600")
    schema.load()
    (ann,) = await people("ann")
    await decide(*(decision(ann, kind="strange", priority=4) for _ in range(6)), decision(ann))
    async with asyncio.timeout(10):
        await drain("email")
    errors = {row.last_error for row in await rows() if row.kind == "strange"}
    assert errors == {"an error of NotiLog: KeyError"}
    assert len(box.mails) == 1


async def test_a_channel_that_hangs_does_not_delay_another(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await decide(*(decision(ann) for _ in range(50)), decision(ann, channel="log"))
    box.hanging = True
    async with draining():
        await until(lambda: something("sending"))
        async with asyncio.timeout(5):
            await drain("log")
    assert [row.status for row in await rows() if row.channel == "log"] == ["sent"]


async def something(status: str) -> bool:
    return status in await statuses()


async def test_what_becomes_of_deliveries_is_measured(box: Mailbox) -> None:
    ann, bob, carl = await people("ann", "bob", "carl")
    box.answers["ann@example.org"] = ["451 later"]
    box.rejected.add("bob@example.org")
    hour_ago = clock.now() - timedelta(hours=1)
    await decide(decision(ann), decision(bob), decision(carl, due_at=hour_ago))
    counted.take()
    await drain("email")
    found = counted.take()
    outcomes = {
        json.loads(labels)[1]: count
        for (name, labels), count in found.items()
        if name == "notilog_deliveries_total"
    }
    assert outcomes == {"sent": 1, "retried": 1, "dead": 1, "missed": 1}
    buckets = [
        count for (name, _), count in found.items() if name.endswith("lateness_seconds_bucket")
    ]
    assert sum(buckets) == 1
