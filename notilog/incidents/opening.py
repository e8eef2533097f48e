"""Incidents as they occur: opened, or counted up while there is one of the same key already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog import config
from notilog.incidents.escalation import FIRST, Severity, gravest, next_at, quiet_at
from notilog.incidents.saying import Saying, say
from notilog.incidents.settings import IncidentsSettings
from notilog.incidents.telling import tell_of


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody whom it concerns; without a channel they are told on their usual one."""

    user_id: UUID
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something happened that needs a person; the same ``key`` is the same incident.

    ``about`` is what messages are made of, by the ``source``: see
    `notilog.notifications.incident_texts`. What ``lasts`` is over when its source says so, anything
    else when it does not occur for long. ``told`` says that the source tells people itself.
    """

    key: str
    source: str
    title: str
    severity: Severity
    about: Mapping[str, Any]
    at: datetime
    recipients: tuple[Recipient, ...]
    project: str | None = None
    lasts: bool = False
    told: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class Opened:
    """The incident of an occurrence; ``silenced``: nobody is to be told of it now."""

    id: UUID
    is_new: bool
    silenced: bool


_UNRESOLVED: Final = text(
    """
    SELECT key FROM incidents
    WHERE state <> 'resolved' AND EXISTS (
        SELECT FROM unnest(CAST(:prefixes AS text[])) AS prefix WHERE starts_with(key, prefix)
    )
    """
)
# Whoever resolves or reopens one of these is waited for, and what they did is seen after that.
_HOLD: Final = text(
    """
    SELECT id FROM incidents
    WHERE key = ANY(CAST(:keys AS text[])) AND (state <> 'resolved' OR reopens_until IS NOT NULL)
    ORDER BY key COLLATE "C", state = 'resolved', id
    FOR UPDATE
    """
)
# Whoever comes second, in whichever process, counts up. What was over by itself a moment ago goes
# on as it was: it is told when it would have been, and whoever saw to it still does. A silence
# outlives an incident that was over by itself: it was meant for what comes and goes. Of what occurs
# often history has one line a minute.
_OCCUR: Final = text(
    """
    WITH given AS MATERIALIZED (
        SELECT g.*, (
            SELECT max(s.silenced_until) FROM incidents AS s
            WHERE s.key = g.key AND s.silenced_until > g.at
        ) AS silenced_until, (
            SELECT o.last_at FROM incidents AS o WHERE o.key = g.key AND o.state <> 'resolved'
        ) AS known_at, (
            SELECT r.id FROM incidents AS r
            WHERE r.key = g.key AND r.state = 'resolved' AND r.reopens_until > g.at
              AND NOT EXISTS (
                  SELECT FROM incidents AS o WHERE o.key = g.key AND o.state <> 'resolved'
              )
            ORDER BY r.id DESC
            LIMIT 1
        ) AS reopened_id
        FROM jsonb_to_recordset(CAST(:given AS jsonb)) AS g (
            id uuid, key text, source text, project text, title text, severity text, about jsonb,
            times integer, at timestamptz, next_at timestamptz, ends_at timestamptz,
            recipients jsonb, opened_id uuid, told_id uuid
        )
    ), reopened AS (
        UPDATE incidents AS i
        SET state = CASE WHEN i.acknowledged_at IS NULL THEN 'open' ELSE 'acknowledged' END,
            count = i.count + g.times,
            last_at = greatest(i.last_at, g.at),
            ends_at = g.ends_at,
            about = g.about,
            severity = CASE
                WHEN 'critical' IN (i.severity, g.severity) THEN 'critical'
                WHEN 'warning' IN (i.severity, g.severity) THEN 'warning'
                ELSE 'info' END,
            next_at = CASE
                WHEN i.acknowledged_at IS NULL AND i.severity = 'info' AND g.severity <> 'info'
                THEN greatest(g.next_at, i.silenced_until) ELSE i.next_at END,
            resolved_at = NULL,
            reopens_until = NULL
        FROM given AS g
        WHERE i.id = g.reopened_id AND i.state = 'resolved'
        RETURNING i.id, i.key, i.step, i.silenced_until
    ), left_over AS (
        UPDATE incidents AS i
        SET reopens_until = NULL
        FROM given AS g
        WHERE i.key = g.key AND i.state = 'resolved' AND i.reopens_until <= g.at
    ), kept AS (
        INSERT INTO incidents AS i (id, key, source, project, title, severity, about, count, step,
                                    next_at, ends_at, opened_at, last_at, silenced_until)
        SELECT id, key, source, project, title, severity, about, times,
               CASE WHEN silenced_until IS NULL THEN 1 ELSE 0 END,
               coalesce(silenced_until, next_at), ends_at, at, at, silenced_until
        FROM given
        WHERE NOT EXISTS (SELECT FROM reopened WHERE reopened.key = given.key)
        ORDER BY key COLLATE "C"
        ON CONFLICT (key) WHERE state <> 'resolved' DO UPDATE
        SET count = i.count + excluded.count,
            last_at = greatest(i.last_at, excluded.last_at),
            ends_at = greatest(i.ends_at, excluded.ends_at),
            about = excluded.about,
            severity = CASE
                WHEN 'critical' IN (i.severity, excluded.severity) THEN 'critical'
                WHEN 'warning' IN (i.severity, excluded.severity) THEN 'warning'
                ELSE 'info' END,
            next_at = CASE
                WHEN i.state = 'open' AND i.severity = 'info' AND excluded.severity <> 'info'
                THEN greatest(excluded.next_at, i.silenced_until) ELSE i.next_at END
        RETURNING i.id, i.key, i.step, i.silenced_until
    ), found AS (
        SELECT * FROM kept UNION ALL SELECT * FROM reopened
    ), concerned AS (
        INSERT INTO incident_recipients (incident_id, user_id, channel)
        SELECT found.id, users.id, r.channel
        FROM found JOIN given USING (key)
        CROSS JOIN jsonb_to_recordset(given.recipients) AS r (user_id uuid, channel text)
        JOIN users ON users.id = r.user_id
        ON CONFLICT DO NOTHING
    ), remembered AS (
        INSERT INTO incident_history (id, incident_id, at, what, step)
        SELECT given.opened_id, found.id, given.at,
               CASE WHEN found.id = given.id THEN 'opened' ELSE 'again' END, CAST(NULL AS smallint)
        FROM found JOIN given USING (key)
        WHERE found.id IN (given.id, given.reopened_id)
           OR given.at >= known_at + interval '1 minute'
        UNION ALL
        SELECT given.told_id, found.id, given.at, 'told', found.step
        FROM found JOIN given USING (key)
        WHERE found.id = given.id AND found.step > 0
    )
    SELECT found.key, found.id, found.id = given.id AS is_new,
           coalesce(found.silenced_until > given.at, false) AS silenced
    FROM found JOIN given USING (key)
    """
)


async def occurred(tx: AsyncSession, occurrences: Iterable[Occurrence]) -> dict[str, Opened]:
    """Open an incident for each key that has none, count up the others, and tell of the new ones.

    One that was over by itself a moment ago is not new: it goes on. Two statements, however many
    there are.

    Returns:
        By their keys, the incidents.
    """
    merged = _merged(occurrences)
    if not merged:
        return {}
    await tx.execute(_HOLD, {"keys": list(merged)})
    given = msgspec.json.encode([_columns(one) for one in merged.values()]).decode()
    found = {
        row.key: Opened(row.id, row.is_new, row.silenced)
        for row in await tx.execute(_OCCUR, {"given": given})
    }
    to_tell = [
        _saying(merged[key], opened.id)
        for key, opened in found.items()
        if opened.is_new and not opened.silenced and not merged[key].told
    ]
    await say(tx, to_tell)
    tell_of(tx, (opened.id for opened in found.values()))
    return found


async def unresolved(tx: AsyncSession, prefixes: Iterable[str]) -> frozenset[str]:
    """The keys of all incidents that are not resolved, and begin with one of these."""
    return frozenset(await tx.scalars(_UNRESOLVED, {"prefixes": list(prefixes)}))


def _merged(occurrences: Iterable[Occurrence]) -> dict[str, Occurrence]:
    """One of each key, the last of them, which counts as all and is as grave as the gravest."""
    merged: dict[str, Occurrence] = {}
    for one in occurrences:
        before = merged.get(one.key)
        if before is None:
            merged[one.key] = one
        else:
            severity = gravest(before.severity, one.severity)
            merged[one.key] = replace(one, times=before.times + one.times, severity=severity)
    return merged


def _columns(one: Occurrence) -> dict[str, Any]:
    policy = config.section(IncidentsSettings).policy
    fields = ("key", "source", "project", "title", "severity", "about", "times", "at")
    return {
        **{name: getattr(one, name) for name in fields},
        "id": uuid7(),
        "next_at": next_at(policy, one.severity, step=FIRST, now=one.at),
        "ends_at": quiet_at(policy, one.at, lasts=one.lasts),
        "recipients": one.recipients,
        "opened_id": uuid7(),
        "told_id": uuid7(),
    }


def _saying(one: Occurrence, incident_id: UUID) -> Saying:
    return Saying(
        incident_id=incident_id,
        source=one.source,
        severity=one.severity,
        said="opened",
        about=one.about,
        at=one.at,
        since=one.at,
        step=FIRST,
    )
