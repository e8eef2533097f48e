"""People choose their channels, are left alone when they wish, and get one message for many."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from notilog import clock
from notilog import settings as schema
from notilog.db.session import close_database, open_database, transaction
from notilog.notifications import deliveries, preferences
from notilog.notifications.sending import drain
from notilog.notifications.tables import DeliveryRow, PreferencesRow
from notilog.notifications.wishes import CRITICAL
from tests.integration.decided import alter, decide, decision, people, rows, statuses
from tests.outside.smtp import Mailbox, mail_server

HOUR = timedelta(hours=1)


@pytest.fixture
async def box(environment: pytest.MonkeyPatch) -> AsyncIterator[Mailbox]:
    async with mail_server() as made:
        environment.setenv("NOTILOG_CHANNELS__EMAIL__HOST", "127.0.0.1")
        environment.setenv("NOTILOG_CHANNELS__EMAIL__PORT", str(made.port))
        environment.setenv("NOTILOG_CHANNELS__EMAIL__TLS", "none")
        environment.setenv("NOTILOG_DELIVERIES__LOOKAHEAD", "1")
        environment.setenv("NOTILOG_DELIVERIES__RETRY_BASE", "0.001")
        await open_database(schema.load())
        yield made
        await close_database()


async def wish(user_id: UUID, **columns: Any) -> None:
    async with transaction() as tx:
        tx.add(PreferencesRow(user_id=user_id, **columns))


async def release() -> None:
    """Let the time come until which everything is held."""
    async with transaction() as tx:
        now = clock.now()
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
        await deliveries.withdraw(tx, gone.event_id)
    await release()
    await drain("email")
    assert sorted(await statuses()) == ["sent", "withdrawn"]
