"""Who is told what when an event is made, changed or cancelled, and what a mail programme gets."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import select

from notilog import settings as schema
from notilog.calendar import events, one_occurrence
from notilog.calendar.drafts import Changes
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.shown import Event
from notilog.db.session import reading, transaction
from notilog.jobs import Wakeup
from notilog.notifications.tables import DeliveryRow
from notilog.users.caller import Caller
from notilog.users.tables import UserRow
from tests.integration.calendar.attendees import NOON, add, change, decide, make

pytestmark = pytest.mark.usefixtures("mail_server", "database")


@pytest.fixture
def mail_server(environment: pytest.MonkeyPatch) -> None:
    """The channel e-mail is configured; nothing is sent here."""
    environment.setenv("NOTILOG_CHANNELS__EMAIL__HOST", "mail.example.org")
    environment.setenv("NOTILOG_CHANNELS__EMAIL__FROM", "NotiLog <notilog@example.org>")
    schema.load()


@pytest.fixture
async def eve(database: None) -> Caller:
    return await add("eve", email="eve@example.org")


async def told(event: Event) -> Counter[tuple[str, str, str]]:
    """How many messages, which are no reminders, of each kind each person gets on each channel."""
    async with reading() as tx:
        statement = (
            select(UserRow.login, DeliveryRow.kind, DeliveryRow.channel)
            .join(UserRow, UserRow.id == DeliveryRow.user_id)
            .where(DeliveryRow.event_id == event.id, DeliveryRow.kind != "reminder")
            .where(DeliveryRow.status == "pending")
        )
        return Counter((await tx.execute(statement)).all())


async def calendar_of(event: Event, kind: str) -> Any:
    """The file in the last message of a kind, as icalendar reads it."""
    async with reading() as tx:
        statement = (
            select(DeliveryRow)
            .where(DeliveryRow.event_id == event.id, DeliveryRow.kind == kind)
            .where(DeliveryRow.channel == "email")
            .order_by(DeliveryRow.id.desc())
            .limit(1)
        )
        row = (await tx.scalars(statement)).one()
    return Calendar.from_ical(row.content["calendar"]["text"])


async def test_participants_are_invited_each_where_they_can_be_reached(
    ann: Caller, ben: Caller, eve: Caller, woken: list[Wakeup]
) -> None:
    event = await make(ann, participants=("ben", "eve"), repetition=Repetition(type="weekly"))
    assert await told(event) == {
        ("ben", "invitation", "log"): 1,
        ("eve", "invitation", "email"): 1,
    }
    assert Wakeup("deliveries.send", ("email",)) in woken
    calendar = await calendar_of(event, "invitation")
    (invited,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "REQUEST"
    assert invited["ATTENDEE"] == "mailto:eve@example.org"
    assert invited["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION"
    assert invited["ORGANIZER"] == "mailto:notilog@example.org"
    assert invited["RRULE"]["FREQ"] == ["WEEKLY"]
    assert invited["UID"] == f"{event.id}@notilog"


async def test_a_change_is_told_to_those_who_come_and_only_a_real_one(
    ann: Caller, ben: Caller, eve: Caller
) -> None:
    event = await make(ann, participants=("ben", "eve"))
    await decide(event, ben, "no")
    await change(event, ann, name="Review")
    await change(event, ann, name="Review", visibility="busy")
    assert await told(event) == {
        ("ben", "invitation", "log"): 1,
        ("eve", "invitation", "email"): 1,
        ("eve", "update", "email"): 1,
    }
    (updated,) = (await calendar_of(event, "update")).walk("VEVENT")
    assert (updated["SUMMARY"], updated["SEQUENCE"]) == ("Review", 2)


async def test_who_is_asked_later_is_invited_and_who_is_not_any_more_is_told(
    ann: Caller, ben: Caller, eve: Caller
) -> None:
    event = await make(ann, participants=("ben",))
    await change(event, ann, participants=("eve",))
    assert await told(event) == {
        ("ben", "invitation", "log"): 1,
        ("ben", "cancellation", "log"): 1,
        ("eve", "invitation", "email"): 1,
    }


async def test_a_cancelled_event_is_called_off_instead_of_unsent_invitations(
    ann: Caller, eve: Caller
) -> None:
    event = await make(ann, participants=("eve",))
    async with transaction() as tx:
        await events.cancel(tx, ann, event_id=event.id, expected=None, now=NOON)
    assert await told(event) == {("eve", "cancellation", "email"): 1}
    calendar = await calendar_of(event, "cancellation")
    (cancelled,) = calendar.walk("VEVENT")
    assert (calendar["METHOD"], cancelled["STATUS"]) == ("CANCEL", "CANCELLED")
    assert cancelled["SEQUENCE"] == 2


async def test_one_occurrence_is_moved_and_another_called_off_for_the_same_series(
    ann: Caller, eve: Caller
) -> None:
    event = await make(ann, participants=("eve",), repetition=Repetition(type="daily"))
    tomorrow, later = (event.start_time + timedelta(days=days) for days in (1, 2))
    async with transaction() as tx:
        await one_occurrence.change_occurrence(
            tx,
            ann,
            event_id=event.id,
            original_start=tomorrow,
            changes=Changes(start_time=tomorrow + timedelta(hours=3), end_time=later),
            expected=None,
            now=NOON,
        )
    async with transaction() as tx:
        await one_occurrence.cancel_occurrence(
            tx, ann, event_id=event.id, original_start=later, expected=None, now=NOON
        )
    assert await told(event) == {
        ("eve", "invitation", "email"): 1,
        ("eve", "update", "email"): 1,
        ("eve", "cancellation", "email"): 1,
    }
    calendar = await calendar_of(event, "cancellation")
    whole, moved = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "REQUEST"
    assert whole["EXDATE"].dts[0].dt == later
    assert moved["RECURRENCE-ID"].dt == tomorrow
    assert moved["DTSTART"].dt == tomorrow + timedelta(hours=3)


async def test_nobody_is_told_of_what_is_over(ann: Caller, eve: Caller) -> None:
    event = await make(ann, participants=("eve",), start_time=NOON - timedelta(days=2))
    await change(event, ann, name="Review")
    assert await told(event) == {}
