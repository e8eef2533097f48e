"""A dry run: what a rule would have found and said, had it been there when records were stored.

Records are taken as if each had arrived at its own time. Nothing is written or sent.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final, Literal

from psycopg.errors import QueryCanceled
from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.errors import TooMany
from notilog.logs.alerts.counting import State, Verdict, advance, begin, tick
from notilog.logs.alerts.matching import Rule, excerpt, fingerprint, matches
from notilog.logs.alerts.settings import AlertsSettings
from notilog.logs.alerts.states import OTHER
from notilog.logs.tables import LogRecordRow

Cut = Literal["records", "time"]

AT_ONCE: Final = 2000
SHOWN: Final = 100
"""Most messages that are shown; the others are counted."""
EXAMPLES: Final = 20
MOST_DISTINCT: Final = 10_000
PRUNED_EVERY: Final = timedelta(seconds=5)
MOST_RUNS: Final = 2
"""Dry runs of one process at the same time: each holds a connection and a thread for long."""
RETRY_AFTER: Final = 5.0
_RUNNING: Final = asyncio.Semaphore(MOST_RUNS)
_COLUMNS: Final = tuple(LogRecordRow.__table__.c)


@dataclass(frozen=True, slots=True)
class Told:
    """A message that would have been sent."""

    fingerprint: str
    verdict: Verdict


@dataclass(slots=True)
class Rehearsal:
    """What would have happened; ``cut`` says why not all records were looked at."""

    since: datetime
    until: datetime
    records: int = 0
    matched: int = 0
    cut: Cut | None = None
    groups: set[str] = field(default_factory=set)
    examples: list[dict[str, Any]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    messages: int = 0
    seen_until: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.seen_until = self.since


class _Stage:
    """The rule at work on records in the order of their time."""

    def __init__(self, rule: Rule, run: Rehearsal, *, most: int, deadline: float) -> None:
        self._rule = rule
        self._run = run
        self._most = most
        self._states: dict[str, State] = {}
        self._pruned_at = run.since
        self._deadline = deadline
        if rule.kind == "absence" and not rule.group_by:
            self._states[""] = begin(rule, run.since)

    def play(self, records: Sequence[Row[Any]]) -> None:
        """Look at these; stops when it is time."""
        rule, run = self._rule, self._run
        for record in records:
            if monotonic() > self._deadline:
                run.cut = "time"
                return
            run.records += 1
            run.seen_until = record.ts
            if not matches(rule, record):
                continue
            run.matched += 1
            group = self._room_for(fingerprint(rule, record), record.ts)
            line = excerpt(record)
            if len(run.groups) < MOST_DISTINCT and group not in run.groups:
                run.groups.add(group)
                if len(run.examples) < EXAMPLES:
                    run.examples.append(line)
            self._states[group], told = advance(
                self._states.get(group), rule, matched=1, line=line, now=record.ts
            )
            self._tell(group, told)

    def end(self, at: datetime) -> None:
        """Let everything happen that happens by itself until then."""
        for group, state in list(self._states.items()):
            after, told = tick(state, self._rule, at)
            self._tell(group, told)
            if after is None:
                del self._states[group]
            else:
                self._states[group] = after

    def _room_for(self, group: str, now: datetime) -> str:
        if group in self._states or len(self._states) < self._most:
            return group
        if now - self._pruned_at >= PRUNED_EVERY:
            self._pruned_at = now
            self.end(now)
        return group if len(self._states) < self._most else OTHER

    def _tell(self, group: str, told: Sequence[Verdict]) -> None:
        self._run.messages += len(told)
        if len(self._run.told) < MOST_DISTINCT:
            self._run.told += [Told(group, verdict) for verdict in told]


async def rehearse(tx: AsyncSession, rule: Rule, *, since: datetime, until: datetime) -> Rehearsal:
    """Look at the stored records from ``since`` to ``until`` as the rule would have.

    What would have been said of absence is only known for the time that was looked at.

    Raises:
        TooMany: enough dry runs are on already.
    """
    if _RUNNING.locked():
        raise TooMany("other dry runs are on", retry_after=RETRY_AFTER)
    async with _RUNNING:
        return await _rehearsed(tx, rule, since=since, until=until)


async def _rehearsed(
    tx: AsyncSession, rule: Rule, *, since: datetime, until: datetime
) -> Rehearsal:
    limits = config.section(AlertsSettings)
    run = Rehearsal(since, until)
    deadline = monotonic() + limits.rehearsal_seconds
    stage = _Stage(rule, run, most=limits.groups, deadline=deadline)
    await tx.execute(_timeout(limits.rehearsal_seconds))
    try:
        async with aclosing(_stored(tx, rule, since, until)) as stored:
            async for records in stored:
                room = limits.rehearsal_records - run.records
                await asyncio.to_thread(stage.play, records[:room])
                if run.cut is None and len(records) > room:
                    run.cut = "records"
                if run.cut is not None:
                    break
    except DBAPIError as error:
        if not isinstance(error.orig, QueryCanceled):
            raise
        run.cut = "time"
    await asyncio.to_thread(stage.end, run.seen_until if run.cut else until)
    run.told.sort(key=lambda told: told.verdict.at)
    del run.told[SHOWN:]
    return run


def _timeout(seconds: float) -> Any:
    return select(func.set_config("statement_timeout", str(int(seconds * 1000)), True))


async def _stored(
    tx: AsyncSession, rule: Rule, since: datetime, until: datetime
) -> AsyncGenerator[Sequence[Row[Any]], None]:
    """What may match, oldest first, some at a time, by a cursor of the server."""
    statement = (
        select(*_COLUMNS)
        .where(*_conditions(rule, since, until))
        .order_by(LogRecordRow.ts, LogRecordRow.id)
        .execution_options(yield_per=AT_ONCE)
    )
    result = await tx.stream(statement)
    try:
        async for some in result.partitions():
            yield some
    finally:
        await result.close()


def _conditions(rule: Rule, since: datetime, until: datetime) -> list[ColumnElement[bool]]:
    row = LogRecordRow
    wanted: list[ColumnElement[bool] | None] = [
        row.ts >= since,
        row.ts < until,
        None if rule.project is None else row.project == rule.project,
        None if rule.module is None else row.module == rule.module,
        None if rule.level is None else row.level == rule.level,
        None if rule.min_level is None else row.level >= rule.min_level,
        *(row.attrs.has_key(name) for name, _ in rule.attrs),
    ]
    return [condition for condition in wanted if condition is not None]
