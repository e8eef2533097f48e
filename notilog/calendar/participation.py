"""Who takes part in an event, and what each of them decided."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import rules
from notilog.calendar.tables import EventRow, ParticipantRow
from notilog.calendar.visibility import look_up
from notilog.errors import FieldError, Forbidden, Invalid, NotFound
from notilog.notifications import deliveries
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

Decision = Literal["yes", "maybe", "no", "undecided"]


async def people(tx: AsyncSession, logins: Sequence[str], *, field: str) -> dict[str, UUID]:
    """The ids of these people by login, in the order given.

    Raises:
        Invalid: somebody does not exist or is named twice; ``field`` and the place are named.
    """
    names = [login.lower() for login in logins]
    statement = select(UserRow.login, UserRow.id).where(UserRow.login.in_(names))
    known = dict((await tx.execute(statement)).all()) if names else {}
    found: dict[str, UUID] = {}
    errors: list[FieldError] = []
    for number, name in enumerate(names):
        if name not in known:
            errors.append(FieldError(f"{field}.{number}", "no such user"))
        elif name in found:
            errors.append(FieldError(f"{field}.{number}", "stands here twice"))
        else:
            found[name] = known[name]
    if errors:
        raise Invalid(errors)
    return found


async def invite(tx: AsyncSession, event: EventRow, *, user_ids: Iterable[UUID]) -> None:
    """Ask people to an event; its author takes part already."""
    rows = [{"event_id": event.id, "user_id": id_} for id_ in user_ids if id_ != event.author_id]
    if rows:
        await tx.execute(insert(ParticipantRow), rows)


async def replace(tx: AsyncSession, event: EventRow, *, user_ids: Iterable[UUID]) -> None:
    """Make these the participants; whoever stays keeps their decision."""
    wanted = set(user_ids)
    mine = ParticipantRow.event_id == event.id
    present = set(await tx.scalars(select(ParticipantRow.user_id).where(mine)))
    gone = present - wanted
    if gone:
        await tx.execute(delete(ParticipantRow).where(mine, ParticipantRow.user_id.in_(gone)))
    await invite(tx, event, user_ids=wanted - present)


async def ask_again(tx: AsyncSession, event: EventRow) -> None:
    """Forget the decisions, since they were about another time."""
    statement = (
        update(ParticipantRow)
        .where(ParticipantRow.event_id == event.id, ParticipantRow.decision != "undecided")
        .values(decision="undecided")
        .execution_options(synchronize_session=False)
    )
    await tx.execute(statement)


async def decide(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    login: str,
    decision: Decision,
    now: datetime,
) -> None:
    """Record what a participant decided; who declines is not reminded any more.

    Raises:
        NotFound: no such event, or that person is not asked to it.
        Forbidden: the caller is neither that person nor an administrator.
    """
    event = (await look_up(tx, caller, event_id=event_id, for_change=True)).event
    if not caller.is_admin and caller.login != login.lower():
        raise Forbidden("participants decide for themselves")
    participant = await _participant(tx, event_id, login=login)
    before, participant.decision = participant.decision, decision
    await tx.flush()
    if before == decision or "no" not in {before, decision}:
        return
    held = await rules.hold(tx, event.id)
    if decision == "no":
        await deliveries.withdraw(tx, event.id, user_id=participant.user_id)
    else:
        waiting = await rules.unsent(tx, event.id)
        await rules.replan(tx, held, schedule=event.schedule, waiting=waiting, now=now)


async def _participant(tx: AsyncSession, event_id: UUID, *, login: str) -> ParticipantRow:
    statement = (
        select(ParticipantRow)
        .join(UserRow, UserRow.id == ParticipantRow.user_id)
        .where(ParticipantRow.event_id == event_id, UserRow.login == login.lower())
    )
    participant = await tx.scalar(statement)
    if participant is None:
        raise NotFound(f"{login} is not asked to this event")
    return participant
