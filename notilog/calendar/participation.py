"""Who takes part in an event, and what each of them decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, func, insert, literal, select, union, update
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import overrides, rules
from notilog.calendar.tables import EventRow, OccurrenceDecisionRow, ParticipantRow
from notilog.calendar.visibility import look_up
from notilog.errors import FieldError, Forbidden, Invalid, NotFound
from notilog.realtime.events_queue import Notice, tell
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


async def invite(tx: AsyncSession, event: EventRow, *, user_ids: Iterable[UUID]) -> set[UUID]:
    """Ask people to an event, and say who was asked; its author takes part already."""
    asked = set(user_ids) - {event.author_id}
    if asked:
        rows = [{"event_id": event.id, "user_id": id_} for id_ in asked]
        await tx.execute(insert(ParticipantRow), rows)
    return asked


@dataclass(frozen=True, slots=True)
class Replaced:
    """Who was asked to an event, and who is not any more."""

    asked: frozenset[UUID] = frozenset()
    gone: frozenset[UUID] = frozenset()


async def replace(tx: AsyncSession, event: EventRow, *, user_ids: Iterable[UUID]) -> Replaced:
    """Make these the participants; whoever stays keeps their decision."""
    wanted = set(user_ids)
    mine = ParticipantRow.event_id == event.id
    present = set(await tx.scalars(select(ParticipantRow.user_id).where(mine)))
    gone = present - wanted
    if gone:
        await tx.execute(delete(ParticipantRow).where(mine, ParticipantRow.user_id.in_(gone)))
        row = OccurrenceDecisionRow
        theirs = (row.event_id == event.id, row.user_id.in_(gone))
        await tx.execute(delete(row).where(*theirs))
    asked = await invite(tx, event, user_ids=wanted - present)
    return Replaced(frozenset(asked), frozenset(gone))


async def ask_again(tx: AsyncSession, event: EventRow) -> None:
    """Forget the decisions, since they were about another time."""
    statement = (
        update(ParticipantRow)
        .where(ParticipantRow.event_id == event.id, ParticipantRow.decision != "undecided")
        .values(decision="undecided")
        .execution_options(synchronize_session=False)
    )
    await tx.execute(statement)
    row = OccurrenceDecisionRow
    await tx.execute(delete(row).where(row.event_id == event.id))


async def ask_again_about(tx: AsyncSession, event: EventRow, *, original_start: datetime) -> None:
    """Ask everybody again about one occurrence, whatever they decided for the series."""
    row = OccurrenceDecisionRow
    await tx.execute(
        delete(row).where(row.event_id == event.id, row.original_start == original_start)
    )
    asked = select(
        ParticipantRow.event_id,
        literal(original_start),
        ParticipantRow.user_id,
        literal("undecided"),
    ).where(ParticipantRow.event_id == event.id)
    columns = ["event_id", "original_start", "user_id", "decision"]
    await tx.execute(insert(row).from_select(columns, asked))


async def decide(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    login: str,
    decision: Decision,
    occurrence: datetime | None = None,
    now: datetime,
) -> None:
    """Record what a participant decided, of all or of one occurrence; who declines is left alone.

    What they decide of all goes for every occurrence, those that they decided apart included.

    Raises:
        NotFound: no such event or occurrence, or that person is not asked to it.
        Forbidden: the caller is neither that person nor an administrator.
    """
    event = (await look_up(tx, caller, event_id=event_id, for_change=True)).event
    if not caller.is_admin and caller.login != login.lower():
        raise Forbidden("participants decide for themselves")
    participant = await _participant(tx, event_id, login=login)
    if occurrence is None:
        matters = await _decide_all(tx, participant, decision)
    else:
        matters = await _decide_one(
            tx, event, participant, occurrence=occurrence, decision=decision
        )
    if matters:
        await rules.decide_anew(
            tx, event, user_id=participant.user_id, occurrence=occurrence, now=now
        )
    told = {
        "kind": "decision",
        "event_id": event_id,
        "login": login.lower(),
        "decision": decision,
        "occurrence": occurrence,
    }
    tell(tx, "user", [Notice(told, to=(event.author_id, participant.user_id))])


async def _decide_all(tx: AsyncSession, participant: ParticipantRow, decision: Decision) -> bool:
    """Record it, and say whether somebody comes who did not before, or the other way round."""
    before, participant.decision = participant.decision, decision
    row = OccurrenceDecisionRow
    theirs = (row.event_id == participant.event_id, row.user_id == participant.user_id)
    apart = await tx.execute(delete(row).where(*theirs).returning(row.original_start))
    await tx.flush()
    return (before == "no") != (decision == "no") or apart.first() is not None


async def _decide_one(
    tx: AsyncSession,
    event: EventRow,
    participant: ParticipantRow,
    *,
    occurrence: datetime,
    decision: Decision,
) -> bool:
    happening = await overrides.occurrence(tx, event, original_start=occurrence)
    await overrides.held(tx, event, happening)
    await tx.flush()
    key = (event.id, happening.original_start, participant.user_id)
    row = await tx.get(OccurrenceDecisionRow, key)
    before = row.decision if row else participant.decision
    if row is None:
        row = OccurrenceDecisionRow(
            event_id=event.id,
            original_start=happening.original_start,
            user_id=participant.user_id,
        )
        tx.add(row)
    row.decision = decision
    await tx.flush()
    return (before == "no") != (decision == "no")


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


async def coming(
    tx: AsyncSession, event: EventRow, *, original_start: datetime | None = None
) -> set[UUID]:
    """The participants who have not declined the event, or this occurrence of it."""
    row, apart = ParticipantRow, OccurrenceDecisionRow
    decided = (
        select(apart.decision)
        .where(
            apart.event_id == row.event_id,
            apart.user_id == row.user_id,
            apart.original_start == original_start,
        )
        .scalar_subquery()
    )
    last = row.decision if original_start is None else func.coalesce(decided, row.decision)
    found = await tx.scalars(select(row.user_id).where(row.event_id == event.id, last != "no"))
    return set(found)


async def companions(tx: AsyncSession, *, user_id: UUID) -> dict[UUID, str]:
    """The logins, by their ids, of all who share with this person an event that is not cancelled.

    Authors share what they made with whom they asked; the person themselves is not among them.
    """
    people = union(
        select(EventRow.id.label("event_id"), EventRow.author_id.label("user_id")).where(
            EventRow.cancelled_at.is_(None)
        ),
        select(ParticipantRow.event_id, ParticipantRow.user_id)
        .join(EventRow, EventRow.id == ParticipantRow.event_id)
        .where(EventRow.cancelled_at.is_(None)),
    ).subquery()
    mine = select(people.c.event_id).where(people.c.user_id == user_id)
    statement = (
        select(UserRow.id, UserRow.login)
        .join(people, people.c.user_id == UserRow.id)
        .where(people.c.event_id.in_(mine), UserRow.id != user_id)
        .distinct()
    )
    return dict((await tx.execute(statement)).tuples().all())
