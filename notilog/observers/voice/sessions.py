"""One session that is open, and what is written when it begins, changes or ends. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from notilog.observers.voice.changes import (
    ActionMade,
    Changes,
    IntervalBegun,
    SessionBegun,
    SessionState,
)
from notilog.observers.voice.heard import Member
from notilog.observers.voice.stays import Stay, packed
from notilog.observers.voice.transitions import Action, EndReason


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that has not ended; ``intervals`` are the ids of those that go on, by flag.

    ``touched_at`` is when something was heard of it itself; ``member`` is what was last written of
    who it is, None while that is not known.
    """

    id: UUID
    guild_id: int
    member_id: int
    stay: Stay
    touched_at: datetime
    intervals: tuple[tuple[str, UUID], ...] = ()
    member: Member | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is said to have happened."""

    at: datetime
    is_estimated: bool = False


def begin(
    changes: Changes, stay: Stay, *, guild_id: int, member_id: int, when: Moment
) -> OpenSession:
    """A new session, with intervals of all flags of the stay."""
    made = OpenSession(uuid7(), guild_id, member_id, stay, when.at)
    changes.begun[made.id] = SessionBegun(
        made.id,
        guild_id,
        stay.channel_id,
        member_id,
        stay.session_id,
        when.at,
        when.is_estimated,
    )
    changes.sessions[made.id] = SessionState(made.id, when.at)
    return replace(made, intervals=_intervals(changes, made.id, stay.flags, when.at))


def alter(changes: Changes, session: OpenSession, stay: Stay, *, at: datetime) -> OpenSession:
    """The session with the flags of ``stay``, since ``at``."""
    kept = []
    for flag, interval_id in session.intervals:
        if flag in stay.flags:
            kept.append((flag, interval_id))
        else:
            changes.interval_ends[interval_id] = at
    begun = _intervals(changes, session.id, stay.flags - {flag for flag, _ in kept}, at)
    changes.sessions[session.id] = SessionState(session.id, at)
    return replace(session, stay=stay, touched_at=at, intervals=(*kept, *begun))


def end(changes: Changes, session: OpenSession, *, when: Moment, reason: EndReason) -> None:
    """The session and its intervals end."""
    for _, interval_id in session.intervals:
        changes.interval_ends[interval_id] = when.at
    changes.sessions[session.id] = SessionState(
        session.id, when.at, when.at, reason, when.is_estimated
    )


def act(changes: Changes, action: Action, *, guild_id: int, member_id: int, when: Moment) -> None:
    """Keep an action."""
    before, after = action.before, action.after
    changes.actions.append(
        ActionMade(
            uuid7(),
            guild_id,
            member_id,
            when.at,
            action.kind,
            None if before is None else before.channel_id,
            None if before is None else packed(before.flags),
            None if after is None else after.channel_id,
            None if after is None else packed(after.flags),
            when.is_estimated,
        )
    )


def _intervals(
    changes: Changes, session_id: UUID, flags: Iterable[str], at: datetime
) -> tuple[tuple[str, UUID], ...]:
    made = tuple((flag, uuid7()) for flag in sorted(flags))
    for flag, interval_id in made:
        changes.intervals[interval_id] = IntervalBegun(interval_id, session_id, flag, at)
    return made
