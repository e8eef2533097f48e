"""People choose their channels, are left alone when they wish, and get one message for many."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from notilog import clock, jobs
from notilog import settings as schema
from notilog.db.session import transaction
from notilog.jobs import Wakeup
from notilog.notifications import deliveries, preferences
from notilog.notifications.claims import claim
from notilog.notifications.sending import drain
from notilog.notifications.tables import DeliveryRow, PreferencesRow
from notilog.notifications.wishes import CRITICAL
from notilog.users import changes
from notilog.users.caller import Caller
from notilog.users.changes import AccountChange
from tests.integration.decided import alter, decide, decision, event_of, people, rows, statuses
from tests.outside.smtp import Mailbox

HOUR = timedelta(hours=1)


async def wish(user_id: UUID, **columns: Any) -> None:
    async with transaction() as tx:
        tx.add(PreferencesRow(user_id=user_id, **columns))


async def release() -> None:
    """Let the time come until which everything is held, and nobody be muted any more."""
    async with transaction() as tx:
        now = clock.now()
        await tx.execute(update(PreferencesRow).values(muted_until=None))
        await tx.execute(
            update(DeliveryRow)
            .where(DeliveryRow.held_until.is_not(None))
            .values(held_until=now, attempt_at=now)
        )


async def test_a_person_gets_it_where_they_wish(database: None) -> None:
    ann, bob = await people("ann", "bob")
    await wish(ann, channels={"normal": ["webhook", "log"]})
    assert await decide(decision(ann), decision(bob)) == 3
    made = sorted((row.user_id == ann, row.channel) for row in await rows())
    assert made == [(False, "email"), (True, "log"), (True, "webhook")]


async def test_two_reminders_on_different_channels_that_become_one_are_one(database: None) -> None:
    (ann,) = await people("ann")
    await wish(ann, channels={"normal": ["log"]})
    one = decision(ann)
    other = decision(
        ann, channel="webhook", event_id=one.event_id, due_at=one.due_at, content=one.content
    )
    assert await decide(one, other) == 1


async def test_what_a_muted_person_missed_arrives_as_one_message(box: Mailbox) -> None:
    ann, bob = await people("ann", "bob")
    await wish(ann, muted_until=clock.now() + HOUR)
    await decide(*(decision(user) for user in (ann, bob) for _ in range(3)))
    await drain("email")
    assert box.recipients == ["bob@example.org"] * 3
    held = [row for row in await rows() if row.user_id == ann]
    assert {row.status for row in held} == {"pending"}
    assert all(row.held_until == row.attempt_at for row in held)
    await release()
    await drain("email")
    assert await statuses() == ["sent"] * 6
    assert box.recipients[3:] == ["ann@example.org"]
    assert str(box.mails[3]["Subject"]).startswith("3 ")
    assert all(not row.late for row in await rows())


async def test_a_single_held_message_is_the_message_itself(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await wish(ann, muted_until=clock.now() + HOUR)
    await decide(decision(ann))
    await release()
    await drain("email")
    (row,) = await rows()
    assert box.ids == [f"<{row.id}@localhost>"]


async def test_an_invitation_is_never_part_of_a_digest(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await wish(ann, digest_minutes=60)
    invited = decision(ann, kind="invitation", starts_at=None, before=None)
    invited.content["author"] = "Bob"
    await decide(invited, *(decision(ann, occurrence_start=clock.now() + 3 * HOUR) for _ in "ab"))
    await release()
    await drain("email")
    assert await statuses() == ["sent"] * 3
    assert len(box.mails) == 2


async def test_a_message_for_many_is_tried_again_as_a_whole_under_its_id(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await wish(ann, muted_until=clock.now() + HOUR)
    await decide(*(decision(ann) for _ in range(3)))
    await release()
    box.answers["ann@example.org"] = ["451 later", "451 later"]
    await drain("email")
    assert {(row.status, row.attempts) for row in await rows()} == {("sent", 3)}
    assert len(box.mails) == 1


async def test_what_is_critical_goes_at_once(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await wish(ann, muted_until=clock.now() + HOUR)
    await decide(decision(ann, priority=CRITICAL))
    await drain("email")
    assert await statuses() == ["sent"]


async def test_a_held_reminder_of_what_has_begun_is_missed(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await wish(ann, muted_until=clock.now() + HOUR)
    await decide(decision(ann))
    past = clock.now() - HOUR
    await alter(due_at=past, starts_at=past, held_until=past, attempt_at=past)
    await drain("email")
    assert await statuses() == ["missed"]
    assert box.mails == []


async def test_who_unmutes_gets_at_once_what_was_held(box: Mailbox) -> None:
    (ann,) = await people("ann")
    async with transaction() as tx:
        await preferences.mute(tx, ann, until=clock.now() + HOUR)
    await decide(decision(ann))
    await drain("email")
    assert box.mails == []
    async with transaction() as tx:
        await preferences.mute(tx, ann, until=None)
    (row,) = await rows()
    assert (row.held_until, row.attempt_at) == (None, row.due_at)
    await drain("email")
    assert await statuses() == ["sent"]


async def test_who_mutes_holds_what_was_decided_already(box: Mailbox) -> None:
    ann, bob = await people("ann", "bob")
    await decide(decision(ann), decision(bob))
    async with transaction() as tx:
        await preferences.mute(tx, ann, until=clock.now() + HOUR)
    await drain("email")
    assert box.recipients == ["bob@example.org"]


async def test_what_is_withdrawn_is_not_in_the_message(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await wish(ann, muted_until=clock.now() + HOUR)
    kept, gone = decision(ann), decision(ann)
    await decide(kept, gone)
    async with transaction() as tx:
        await deliveries.withdraw(tx, event_of(gone))
    await release()
    await drain("email")
    assert sorted(await statuses()) == ["sent", "withdrawn"]


NIGHT = {"quiet_from": time(0), "quiet_to": time(23, 59, 59, 999999)}
"""Nearly the whole day, so that it is night whenever the test runs."""


async def test_what_comes_late_does_not_wake_anybody(box: Mailbox) -> None:
    ann, bob = await people("ann", "bob")
    hour_ago, later = clock.now() - HOUR, clock.now() + 48 * HOUR
    late = [decision(who, due_at=hour_ago, occurrence_start=later) for who in (ann, bob)]
    await decide(*late, decision(ann, due_at=hour_ago, priority=CRITICAL, occurrence_start=later))
    await wish(ann, **NIGHT)
    await drain("email")
    assert sorted(box.recipients) == ["ann@example.org", "bob@example.org"]
    (held,) = [row for row in await rows() if row.status == "pending"]
    assert (held.user_id, held.attempts) == (ann, 0)
    assert held.held_until is not None
    assert held.held_until == held.attempt_at > clock.now()


async def test_a_retry_does_not_wake_anybody(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await decide(decision(ann, occurrence_start=clock.now() + 48 * HOUR))
    box.answers["ann@example.org"] = ["451 later"] * 9
    await alter(attempts=1)
    await wish(ann, **NIGHT)
    await drain("email")
    (row,) = await rows()
    assert (row.status, row.attempts, box.mails) == ("pending", 1, [])
    assert row.held_until is not None


async def test_who_answers_or_snoozes_gets_it_there_and_then(box: Mailbox) -> None:
    (ann,) = await people("ann")
    await wish(ann, muted_until=clock.now() + HOUR, channels={"normal": ["log"]})
    await decide(decision(ann, kind="snooze"))
    async with transaction() as tx:
        await preferences.mute(tx, ann, until=clock.now() + 2 * HOUR)
    await drain("email")
    assert box.recipients == ["ann@example.org"]


async def test_many_held_invitations_do_not_stop_the_others(
    box: Mailbox, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_CHANNELS__EMAIL__CONCURRENCY", "1")
    schema.load()
    (ann,) = await people("ann")
    await wish(ann, digest_minutes=60)
    invitations = [decision(ann, kind="invitation", starts_at=None, before=None) for _ in range(12)]
    for one in invitations:
        one.content["author"] = "Bob"
    await decide(*invitations)
    await release()
    await decide(decision(ann, priority=CRITICAL))
    async with asyncio.timeout(4):
        await drain("email")
    assert await statuses() == ["sent"] * 13


async def test_a_room_of_less_than_nothing_claims_nothing(database: None) -> None:
    (ann,) = await people("ann")
    await decide(decision(ann))
    async with transaction() as tx:
        found = await claim(tx, "email", now=clock.now(), limit=-3, late_after=HOUR)
    assert found.parcels == []


async def test_what_is_decided_again_does_not_wait_for_a_hold_that_is_over(
    database: None,
) -> None:
    (ann,) = await people("ann")
    await wish(ann, muted_until=clock.now() + 48 * HOUR)
    one = decision(ann)
    await decide(one)
    async with transaction() as tx:
        await deliveries.withdraw(tx, event_of(one))
        await preferences.mute(tx, ann, until=None)
    await decide(one)
    (row,) = await rows()
    assert (row.status, row.held_until, row.attempt_at) == ("pending", None, row.due_at)


async def test_who_moves_is_left_alone_by_the_clocks_of_the_new_zone(database: None) -> None:
    (ann,) = await people("ann")
    await wish(ann, quiet_from=time(22), quiet_to=time(7))
    tomorrow = (clock.now() + 24 * HOUR).replace(hour=23, minute=0, second=0, microsecond=0)
    await decide(decision(ann, due_at=tomorrow))
    woken: list[Wakeup] = []

    async def remember(wakeup: Wakeup) -> None:
        woken.append(wakeup)

    jobs.bind(remember)
    change = AccountChange(timezone="Asia/Tokyo")
    admin = Caller(ann, "admin", "admin", None, None)
    await changes.change("ann", change, by=admin, address="", now=clock.now())
    assert woken == [Wakeup(changes.MOVED, (str(ann),))]
    async with transaction() as tx:
        await preferences.hold_anew(tx, ann)
    (row,) = await rows()
    assert row.held_until is None  # 23:00 in UTC is the morning of Tokyo


async def test_who_mutes_while_events_change_is_in_nobodys_way(database: None) -> None:
    (ann,) = await people("ann")
    one = decision(ann)
    times = [one.due_at + timedelta(seconds=number) for number in range(200)]

    async def muting(number: int) -> None:
        async with transaction() as tx:
            await preferences.mute(tx, ann, until=clock.now() + number * HOUR)

    async def withdrawing() -> None:
        async with transaction() as tx:
            await deliveries.withdraw(tx, event_of(one))

    for number in range(1, 6):
        await decide(*(replace(one, due_at=at, occurrence_start=at) for at in times))
        await asyncio.gather(muting(number), withdrawing(), muting(number + 1), withdrawing())
    assert set(await statuses()) == {"withdrawn"}
