"""The states of groups in the database: made within bounds, held in one order, written back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam as bound
from sqlalchemy import delete, false, func, not_, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.logs.alerts.counting import State, begin
from notilog.logs.alerts.matching import Rule
from notilog.logs.alerts.tables import AlertRuleRow, AlertStateRow

Group = tuple[UUID, str]
"""A rule's id and a fingerprint."""
OTHER: Final = "…"
"""The fingerprint of all groups for which there is no room any more."""
MOST_AT_ONCE: Final = 1000
_COLUMNS: Final = (
    *("at", "wake_at", "quiet_until", "suppressed", "again", "missing", "line"),
    *("last_matched_at", "last_sent_at"),
)
_table: Final = AlertStateRow.__table__
_KEY: Final = tuple_(AlertStateRow.rule_id, AlertStateRow.fingerprint)
_HERE: Final = (
    AlertStateRow.rule_id == bound("of_rule"),
    AlertStateRow.fingerprint == bound("of_group"),
)
_WRITE: Final = (
    update(_table)  # type: ignore[arg-type]  # the class would make it an ORM bulk update
    .where(*_HERE)
    .values({"slices": bound("of_slices"), **{name: bound(f"of_{name}") for name in _COLUMNS}})
)
_REMOVE: Final = delete(_table).where(*_HERE)  # type: ignore[arg-type]
_ONE_BY_ONE: Final = text("SELECT pg_advisory_xact_lock(hashtext('alert groups'), hashtext(:rule))")


class Moved(Exception):
    """Something changed between being read and being held."""


def state_of(row: AlertStateRow) -> State:
    """The state of a group as it is stored."""
    slices = tuple((number, count) for number, count in row.slices)
    return State(window=slices, **{name: getattr(row, name) for name in _COLUMNS})


async def held(
    tx: AsyncSession, groups: Mapping[Group, datetime], *, rules: Mapping[UUID, Rule], most: int
) -> dict[Group, tuple[Group, State]]:
    """Hold the state of each group until the transaction ends; those that are new are made.

    ``groups`` says since when each is known; ``rules`` has at least theirs. A rule has at ``most``
    so many living groups; those beyond share one.

    Returns:
        By group the one whose state it is, and the state.

    Raises:
        Moved: one of them ended just now; begin the transaction anew.
    """
    known = await _known(tx, groups)
    shared = await _make(tx, set(groups) - known, groups=groups, rules=rules, most=most)
    own = {group: (group[0], OTHER) if group in shared else group for group in groups}
    states = await _locked(tx, set(own.values()))
    if len(states) < len(set(own.values())):
        raise Moved("a group ended in between")
    return {group: (holder, states[holder]) for group, holder in own.items()}


async def write(tx: AsyncSession, states: Mapping[Group, State | None]) -> None:
    """Write down states that this transaction holds; None ends one."""
    kept = [
        {
            "of_rule": rule_id,
            "of_group": fingerprint,
            "of_slices": [list(one) for one in state.window],
            **{f"of_{name}": getattr(state, name) for name in _COLUMNS},
        }
        for (rule_id, fingerprint), state in states.items()
        if state is not None
    ]
    ended = [
        {"of_rule": rule_id, "of_group": fingerprint}
        for (rule_id, fingerprint), state in states.items()
        if state is None
    ]
    if kept:
        await tx.execute(_WRITE, kept)
    if ended:
        await tx.execute(_REMOVE, ended)


async def reset(tx: AsyncSession, rule_id: UUID) -> None:
    """Forget everything of a rule, which this transaction holds."""
    await tx.execute(delete(AlertStateRow).where(AlertStateRow.rule_id == rule_id))


async def await_absence(tx: AsyncSession, rule: Rule, now: datetime) -> None:
    """Begin to wait for what may never have come; groups are only known once they have."""
    if rule.kind == "absence" and not rule.group_by:
        group = (rule.id, "")
        await _insert(tx, [group], since={group: now}, rules={rule.id: rule})


async def due(
    tx: AsyncSession, now: datetime, *, known_until: datetime | None, limit: int
) -> dict[Group, State]:
    """Hold groups of which something ends by now; those that others hold are left to them.

    Their rules are held too, and whoever changes one is left alone: nobody waits here. Who counts
    for a rule holds it with a lock that does not exclude this one.

    What may be missing ends by ``known_until``, until when records were looked at, if ever.
    """
    of_absence = AlertRuleRow.kind == "absence"
    is_known = false() if known_until is None else AlertStateRow.wake_at <= known_until
    rows = await tx.scalars(
        select(AlertStateRow)
        .join(AlertRuleRow, AlertRuleRow.id == AlertStateRow.rule_id)
        .where(AlertStateRow.wake_at <= now, or_(not_(of_absence), is_known))
        .order_by(AlertStateRow.wake_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True, of=(AlertStateRow, AlertRuleRow))
    )
    return {(row.rule_id, row.fingerprint): state_of(row) for row in rows}


async def _known(tx: AsyncSession, groups: Collection[Group]) -> set[Group]:
    statement = select(AlertStateRow.rule_id, AlertStateRow.fingerprint)
    found: set[Group] = set()
    for some in _pieces(groups):
        rows = await tx.execute(statement.where(_KEY.in_(some)))
        found.update((rule_id, fingerprint) for rule_id, fingerprint in rows)
    return found


async def _make(
    tx: AsyncSession,
    new: set[Group],
    *,
    groups: Mapping[Group, datetime],
    rules: Mapping[UUID, Rule],
    most: int,
) -> set[Group]:
    """Make the states of new groups, of each rule in one transaction at a time.

    Returns:
        The groups for which there is no room.
    """
    shared: set[Group] = set()
    for rule_id in sorted({rule_id for rule_id, _ in new}):
        await tx.execute(_ONE_BY_ONE, {"rule": str(rule_id)})
        mine = sorted(group for group in new if group[0] == rule_id)
        living = await tx.scalar(
            select(func.count()).where(
                AlertStateRow.rule_id == rule_id, AlertStateRow.fingerprint != OTHER
            )
        )
        made = mine[: max(0, most - (living or 0))]
        shared.update(mine[len(made) :])
        await _insert(tx, made, since=groups, rules=rules)
    rest = {(rule_id, OTHER): min(groups.values()) for rule_id, _ in shared}
    await _insert(tx, sorted(rest), since=rest, rules=rules)
    return shared


async def _insert(
    tx: AsyncSession,
    groups: Collection[Group],
    *,
    since: Mapping[Group, datetime],
    rules: Mapping[UUID, Rule],
) -> None:
    rows = []
    for group in sorted(groups):
        state = begin(rules[group[0]], since[group])
        columns = {name: getattr(state, name) for name in ("at", "wake_at", "quiet_until")}
        rows.append({"rule_id": group[0], "fingerprint": group[1], **columns})
    for some in _pieces(rows):
        await tx.execute(insert(AlertStateRow).on_conflict_do_nothing().values(some))


async def _locked(tx: AsyncSession, groups: Collection[Group]) -> dict[Group, State]:
    """In one order for everybody, so that two transactions never wait for each other."""
    found: dict[Group, State] = {}
    for some in _pieces(sorted(groups)):
        rows = await tx.scalars(
            select(AlertStateRow)
            .where(_KEY.in_(some))
            .order_by(AlertStateRow.rule_id, AlertStateRow.fingerprint.collate("C"))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found |= {(row.rule_id, row.fingerprint): state_of(row) for row in rows}
    return found


def _pieces(items: Collection[Any]) -> Sequence[list[Any]]:
    listed = list(items)
    return [listed[i : i + MOST_AT_ONCE] for i in range(0, len(listed), MOST_AT_ONCE)]
