"""Buttons under the bot's messages: they record decisions, or bring the message back later."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from notilog import clock
from notilog.bot.replies import CHOSEN
from notilog.bot.words import LANGUAGES
from notilog.calendar import events
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.shown import Event
from notilog.calendar.tables import OccurrenceDecisionRow, ParticipantRow
from notilog.db.session import transaction
from notilog.notifications import deliveries
from notilog.notifications.channels.channel import Action
from notilog.notifications.channels.telegram_buttons import button_data
from notilog.notifications.tables import DeliveryRow
from notilog.users.caller import Caller
from tests.integration import decided
from tests.integration.bot.chats import ANN, BEN, STRANGER, execute, press, quiet
from tests.integration.calendar.attendees import make
from tests.outside.telegram import BotApi, Sent

EN, RU = LANGUAGES["en"], LANGUAGES["ru"]
SOON = timedelta(hours=3)


@pytest.fixture
async def event(ann: Caller, ben: Caller) -> Event:
    """A daily event of Ann's that Ben is asked to."""
    return await make(
        ann,
        start_time=clock.now().replace(microsecond=0) + SOON,
        participants=("ben",),
        repetition=Repetition(type="daily"),
    )


async def message(event: Event, person: Caller, *, kind: str = "reminder") -> UUID:
    """The delivery of a message with buttons."""
    start = event.start_time
    made = decided.decision(
        person.user_id,
        channel="telegram",
        kind=kind,
        event_id=event.id,
        occurrence_start=start,
        starts_at=start,
        due_at=clock.now() - timedelta(minutes=1),
    )
    if kind == "invitation":
        made = replace(made, occurrence_start=None, starts_at=None, before=None)
    async with transaction() as tx:
        await deliveries.decide(tx, [made])
        newest = select(DeliveryRow.id).order_by(DeliveryRow.id.desc()).limit(1)
        return (await tx.scalars(newest)).one()


def shown(telegram: BotApi, chat_id: int, delivery: UUID) -> Sent:
    """The message in the chat, as the channel sends it."""
    actions: tuple[tuple[Action, ...], ...] = (
        ("yes", "maybe", "no"),
        ("snooze_10m", "snooze_1h"),
    )
    rows = [
        [{"text": action, "callback_data": button_data(action, delivery)} for action in row]
        for row in actions
    ]
    sent = Sent(
        message_id=1000,
        chat_id=chat_id,
        text="Planning",
        entities=[],
        markup={"inline_keyboard": rows},
        params={},
        at=0.0,
    )
    telegram.sent.append(sent)
    return sent


def chosen(sent: Sent) -> list[str]:
    return [label for row in sent.buttons for label, _ in row if label.startswith(CHOSEN)]


async def decision_of(person: Caller) -> str | None:
    async with transaction() as tx:
        statement = select(ParticipantRow.decision).where(ParticipantRow.user_id == person.user_id)
        return await tx.scalar(statement)


async def decisions_apart() -> list[str]:
    async with transaction() as tx:
        return list(await tx.scalars(select(OccurrenceDecisionRow.decision)))


async def snoozes() -> list[DeliveryRow]:
    return [row for row in await decided.rows() if row.kind == "snooze"]


async def test_an_answer_to_a_reminder_is_for_that_occurrence(
    telegram: BotApi, bot: "asyncio.Task[None]", event: Event, ben: Caller
) -> None:
    delivery = await message(event, ben)
    sent = shown(telegram, BEN, delivery)
    assert await press(telegram, BEN, button_data("no", delivery)) == EN.answers["no"]
    await quiet(telegram)
    assert chosen(sent) == [f"{CHOSEN}no"]
    assert await press(telegram, BEN, button_data("maybe", delivery)) == EN.answers["maybe"]
    await quiet(telegram)
    assert chosen(sent) == [f"{CHOSEN}maybe"]
    assert await press(telegram, BEN, button_data("maybe", delivery)) == EN.answers["maybe"]
    await quiet(telegram)
    assert sent.edits == 2
    assert await decisions_apart() == ["maybe"]
    assert await decision_of(ben) == "undecided"


async def test_an_answer_to_an_invitation_is_for_the_series(
    telegram: BotApi, bot: "asyncio.Task[None]", event: Event, ben: Caller
) -> None:
    delivery = await message(event, ben, kind="invitation")
    assert await press(telegram, BEN, button_data("yes", delivery)) == EN.answers["yes"]
    assert await decision_of(ben) == "yes"
    assert await decisions_apart() == []


async def test_the_author_is_told_that_they_take_part_anyway(
    telegram: BotApi, bot: "asyncio.Task[None]", event: Event, ann: Caller
) -> None:
    delivery = await message(event, ann)
    sent = shown(telegram, ANN, delivery)
    assert await press(telegram, ANN, button_data("no", delivery)) == RU.own
    await quiet(telegram)
    assert chosen(sent) == []


async def test_an_event_that_is_gone_or_not_asked_to_any_more(
    telegram: BotApi, bot: "asyncio.Task[None]", event: Event, ann: Caller, ben: Caller
) -> None:
    delivery = await message(event, ben)
    await execute("DELETE FROM participants")
    assert await press(telegram, BEN, button_data("yes", delivery)) == EN.gone
    async with transaction() as tx:
        await events.cancel(tx, ann, event_id=event.id, expected=None, now=clock.now())
    actions: tuple[Action, ...] = ("yes", "snooze_1h")
    for action in actions:
        assert await press(telegram, BEN, button_data(action, delivery)) == EN.gone
    assert await snoozes() == []


async def test_a_button_pressed_in_another_chat_does_nothing(
    telegram: BotApi, bot: "asyncio.Task[None]", event: Event, ann: Caller, ben: Caller
) -> None:
    delivery = await message(event, ben)
    for chat_id, data in (
        (ANN, button_data("yes", delivery)),
        (STRANGER, button_data("yes", delivery)),
        (BEN, button_data("yes", uuid4())),
    ):
        assert await press(telegram, chat_id, data) == EN.foreign
    telegram.press(BEN, "nonsense")
    await quiet(telegram)
    assert await decisions_apart() == []


async def test_somebody_else_in_a_group_does_not_answer_for_a_person(
    telegram: BotApi, bot: "asyncio.Task[None]", event: Event, ben: Caller
) -> None:
    delivery = await message(event, ben)
    telegram.press(BEN, button_data("no", delivery))
    telegram.updates.waiting[-1]["callback_query"]["from"]["id"] = STRANGER
    await quiet(telegram)
    assert await decisions_apart() == []


async def test_a_message_snoozed_twice_comes_back_once(
    telegram: BotApi, bot: "asyncio.Task[None]", event: Event, ben: Caller
) -> None:
    delivery = await message(event, ben)
    before = clock.now()
    toasts = {await press(telegram, BEN, button_data("snooze_10m", delivery)) for _ in range(2)}
    made = await snoozes()
    assert len(made) == len(toasts)  # one, unless a minute ended between
    later = made[0]
    assert later.due_at.second == 0
    assert timedelta(minutes=10) <= later.due_at - before <= timedelta(minutes=11, seconds=5)
    original = next(row for row in await decided.rows() if row.id == delivery)
    for name in ("event_id", "occurrence_start", "starts_at", "before", "content", "priority"):
        assert getattr(later, name) == getattr(original, name)
    assert later.channel == "telegram"
    await press(telegram, BEN, button_data("snooze_1h", later.id))
    assert len(await snoozes()) == len(made) + 1


async def test_what_moved_or_was_declined_is_not_snoozed(
    telegram: BotApi, bot: "asyncio.Task[None]", event: Event, ben: Caller
) -> None:
    delivery = await message(event, ben)
    await press(telegram, BEN, button_data("no", delivery))
    declined = await press(telegram, BEN, button_data("snooze_10m", delivery))
    await press(telegram, BEN, button_data("yes", delivery))
    await decided.alter(starts_at=event.start_time - timedelta(minutes=30))
    moved = await press(telegram, BEN, button_data("snooze_10m", delivery))
    assert declined == moved
    assert "cancelled" in moved or "отменено" in moved
    assert await snoozes() == []
