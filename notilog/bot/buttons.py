"""The buttons under a message: an answer to the event that it tells of, or the message later."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeGuard
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from telegram import CallbackQuery, Message

from notilog.bot.asked import caller_of
from notilog.bot.replies import Keyboard, Reply, Toast, with_choice
from notilog.bot.strangers import Strangers
from notilog.bot.words import Words, words_of
from notilog.calendar import overrides, participation
from notilog.calendar.participation import Decision
from notilog.calendar.series import Happening
from notilog.calendar.tables import EventRow
from notilog.calendar.visibility import look_up
from notilog.errors import NotFound
from notilog.notifications import deliveries
from notilog.notifications.channels.channel import Action
from notilog.notifications.channels.telegram_buttons import pressed
from notilog.notifications.rendering import SNOOZES
from notilog.notifications.tables import DeliveryRow
from notilog.users.tables import UserRow

OF_ONE_OCCURRENCE = (deliveries.REMINDER, deliveries.SNOOZE)
ONE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Pressed:
    """A button in the chat of the person whom the message was for."""

    action: Action
    delivery: DeliveryRow
    person: UserRow
    event: EventRow
    words: Words
    now: datetime


async def press(
    tx: AsyncSession, query: CallbackQuery, *, strangers: Strangers, now: datetime
) -> list[Reply]:
    """Do what the button says, and say so; nothing that a chat can send is an error."""
    found = await _meant(tx, query)
    if found is None:
        if not strangers.may_hear(query.from_user.id, now=now):
            return []
        return [Toast(query.id, words_of(query.from_user.language_code).foreign)]
    action, delivery, person = found
    words = words_of(person.language)
    event = await _event_of(tx, delivery, person)
    if event is None:
        return [Toast(query.id, words.gone)]
    asked = _Pressed(action, delivery, person, event, words, now)
    if action in SNOOZES:
        return [Toast(query.id, await _snooze(tx, asked))]
    if not _is_decision(action):
        return [Toast(query.id, words.foreign)]
    said = await _decide(tx, asked, action)
    is_recorded = said == words.answers[action]
    return [Toast(query.id, said), *(_marked(query) if is_recorded else ())]


def _is_decision(action: Action) -> TypeGuard[Decision]:
    return action in {"yes", "maybe", "no"}


async def _meant(
    tx: AsyncSession, query: CallbackQuery
) -> tuple[Action, DeliveryRow, UserRow] | None:
    """What was pressed, when it is in the private chat of the person it was sent to."""
    asked = pressed(query.data or "")
    chat = query.message.chat if query.message else None
    if asked is None or chat is None or chat.id != query.from_user.id:
        return None
    action, delivery_id = asked
    statement = (
        select(DeliveryRow, UserRow)
        .join(UserRow, UserRow.id == DeliveryRow.user_id)
        .where(DeliveryRow.id == delivery_id, UserRow.telegram_chat_id == str(chat.id))
    )
    row = (await tx.execute(statement)).one_or_none()
    return None if row is None else (action, row[0], row[1])


async def _event_of(tx: AsyncSession, delivery: DeliveryRow, person: UserRow) -> EventRow | None:
    if delivery.event_id is None:
        return None
    try:
        seen = await look_up(tx, caller_of(person), event_id=delivery.event_id, for_change=True)
    except NotFound:
        return None
    return seen.event


async def _decide(tx: AsyncSession, asked: _Pressed, decision: Decision) -> str:
    """Answer for the occurrence that was reminded of, or for all that was asked about."""
    if asked.event.author_id == asked.person.id:
        return asked.words.own
    try:
        await participation.decide(
            tx,
            caller_of(asked.person),
            event_id=asked.event.id,
            login=asked.person.login,
            decision=decision,
            occurrence=_occurrence(asked),
            now=asked.now,
        )
    except NotFound:
        return asked.words.gone
    return asked.words.answers[decision]


def _occurrence(asked: _Pressed) -> datetime | None:
    is_one = asked.event.repeat_type is not None and asked.delivery.kind in OF_ONE_OCCURRENCE
    return asked.delivery.occurrence_start if is_one else None


async def _snooze(tx: AsyncSession, asked: _Pressed) -> str:
    """The same message later, at a full minute: so a button pressed twice makes one of it."""
    original = asked.delivery
    happening = await _still_coming(tx, asked)
    due_at = _full_minute(asked.now + SNOOZES[asked.action])
    if happening is None or due_at >= happening.start:
        return asked.words.gone
    name, description = happening.words(asked.event.name, asked.event.description)
    again = deliveries.Decision(
        kind=deliveries.SNOOZE,
        event_id=asked.event.id,
        user_id=asked.person.id,
        channel=original.channel,
        priority=original.priority,
        content={**original.content, "name": name, "description": description},
        due_at=due_at,
        occurrence_start=original.occurrence_start,
        before=original.before,
        starts_at=original.starts_at,
    )
    await deliveries.decide(tx, [again])
    local = due_at.astimezone(ZoneInfo(asked.person.timezone))
    return asked.words.snoozed.format(at=f"{local:%H:%M}")


async def _still_coming(tx: AsyncSession, asked: _Pressed) -> Happening | None:
    """The occurrence that was told of, if it is still then and the person takes part in it."""
    start = asked.delivery.occurrence_start
    if start is None:
        return None
    try:
        happening = await overrides.occurrence(tx, asked.event, original_start=start)
    except NotFound:
        return None
    guests = await participation.coming(tx, asked.event, original_start=start)
    takes_part = asked.person.id in {asked.event.author_id, *guests}
    return happening if takes_part and happening.start == asked.delivery.starts_at else None


def _full_minute(at: datetime) -> datetime:
    """The next one: who is left alone for ten minutes is not disturbed after nine."""
    begun = at.replace(second=0, microsecond=0)
    return begun if begun == at else begun + ONE_MINUTE


def _marked(query: CallbackQuery) -> list[Reply]:
    """The choice shown on the buttons, unless it is already or the message is out of reach."""
    message = query.message
    if not isinstance(message, Message) or message.reply_markup is None:
        return []
    after = with_choice(message.reply_markup, data=query.data or "")
    if after == message.reply_markup:
        return []
    return [Keyboard(message.chat.id, message.message_id, after)]
