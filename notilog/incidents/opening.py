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
from notilog.incidents.escalation import FIRST, Severity, next_at, quiet_at
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


# Whoever comes second, in whichever process, counts up. A silence outlives an incident that was
# over by itself: it was meant for what comes and goes. Of what occurs often history has one line a
# minute.
_OCCUR: Final = text(
    """
    WITH given AS MATERIALIZED (
        SELECT g.*, (
            SELECT max(s.silenced_until) FROM incidents AS s
            WHERE s.key = g.key AND s.silenced_until > g.at
        ) AS silenced_until, (
            SELECT o.last_at FROM incidents AS o WHERE o.key = g.key AND o.state <> 'resolved'
        ) AS known_at
        FROM jsonb_to_recordset(CAST(:given AS jsonb)) AS g (
            id uuid, key text, source text, project text, title text, severity text, about jsonb,
            times integer, at timestamptz, next_at timestamptz, ends_at timestamptz,
            recipients jsonb, opened_id uuid, told_id uuid
        )
    ), kept AS (
        INSERT INTO incidents AS i (id, key, source, project, title, severity, about, count, step,
                                    next_at, ends_at, opened_at, last_at, silenced_until)
        SELECT id, key, source, project, title, severity, about, times,
               CASE WHEN silenced_until IS NULL THEN 1 ELSE 0 END,
               coalesce(silenced_until, next_at), ends_at, at, at, silenced_until
        FROM given
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
    ), concerned AS (
        INSERT INTO incident_recipients (incident_id, user_id, channel)
        SELECT kept.id, users.id, r.channel
        FROM kept JOIN given USING (key)
        CROSS JOIN jsonb_to_recordset(given.recipients) AS r (user_id uuid, channel text)
        JOIN users ON users.id = r.user_id
        ON CONFLICT DO NOTHING
    ), remembered AS (
        INSERT INTO incident_history (id, incident_id, at, what, step)
        SELECT given.opened_id, kept.id, given.at,
               CASE WHEN kept.id = given.id THEN 'opened' ELSE 'again' END, CAST(NULL AS smallint)
        FROM kept JOIN given USING (key)
        WHERE kept.id = given.id OR given.at >= known_at + interval '1 minute'
        UNION ALL
        SELECT given.told_id, kept.id, given.at, 'told', kept.step
        FROM kept JOIN given USING (key)
        WHERE kept.id = given.id AND kept.step > 0
    )
    SELECT kept.key, kept.id, kept.id = given.id AS is_new,
           coalesce(kept.silenced_until > given.at, false) AS silenced
    FROM kept JOIN given USING (key)
    """
)


async def occurred(tx: AsyncSession, occurrences: Iterable[Occurrence]) -> dict[str, Opened]:
    """Open an incident for each key that has none, count up the others, and tell of the new ones.

    One statement, however many there are.

    Returns:
        By their keys, the incidents.
    """
    merged = _merged(occurrences)
    if not merged:
        return {}
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


def _merged(occurrences: Iterable[Occurrence]) -> dict[str, Occurrence]:
    """One of each key, the last of them, which counts as all."""
    merged: dict[str, Occurrence] = {}
    for one in occurrences:
        before = merged.get(one.key)
        merged[one.key] = replace(one, times=before.times + one.times) if before else one
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
