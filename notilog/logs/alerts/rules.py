"""Rules: made, read, changed and deleted by whoever may read the records they look at."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config, cursors
from notilog.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Stale
from notilog.logs.alerts import states
from notilog.logs.alerts.drafts import RuleDraft, rule_of
from notilog.logs.alerts.matching import Rule
from notilog.logs.alerts.raising import end_of, readdressed
from notilog.logs.alerts.rulebook import compiled, draft_of
from notilog.logs.alerts.settings import AlertsSettings
from notilog.logs.alerts.tables import AlertRecipientRow, AlertRuleRow
from notilog.notifications.channels import CHANNELS
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

RIGHT: Final = "logs:admin"
"""Who has it sees and changes everybody's rules, and lets them tell others."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who is told, by login; without a channel where they are reached first."""

    login: str
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A rule with the logins of its owner and of those whom it tells."""

    row: AlertRuleRow
    owner: str
    recipients: tuple[Addressee, ...]


async def create(
    tx: AsyncSession,
    caller: Caller,
    *,
    draft: RuleDraft,
    recipients: Sequence[Addressee] | None,
    now: datetime,
) -> Shown:
    """Make a rule of the caller's, which tells them unless others are named.

    Raises:
        Invalid: naming each field that is wrong.
        Forbidden: it looks at records, or tells people, that are beyond the caller's rights.
        Conflict: the caller has as many rules as anybody may have.
    """
    draft = bound(draft, caller)
    rule_of(draft)
    await _check_room(tx, caller)
    row = AlertRuleRow(user_id=caller.user_id, version=1, created_at=now, updated_at=now)
    _write(row, draft)
    tx.add(row)
    await tx.flush()
    if recipients is None:
        recipients = (Addressee(caller.login),)
    await _address(tx, caller, row, recipients)
    await _begin(tx, row, now)
    return (await _shown(tx, [row]))[0]


async def listing(
    tx: AsyncSession, caller: Caller, *, limit: int, cursor: str | None = None
) -> tuple[list[Shown], str | None]:
    """The rules that the caller may see, newest first, and the cursor of the next page.

    Raises:
        Invalid: the cursor was not given out by this list.
    """
    statement = select(AlertRuleRow).order_by(AlertRuleRow.id.desc()).limit(limit + 1)
    if not caller.may(RIGHT):
        statement = statement.where(AlertRuleRow.user_id == caller.user_id)
    if caller.project is not None:
        statement = statement.where(AlertRuleRow.project == caller.project)
    if cursor is not None:
        statement = statement.where(AlertRuleRow.id < cursors.key(cursor))
    rows = (await tx.scalars(statement)).all()
    page = rows[:limit]
    return await _shown(tx, page), str(page[-1].id) if len(rows) > limit else None


async def get(tx: AsyncSession, caller: Caller, *, rule_id: UUID) -> Shown:
    """One rule.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    return (await _shown(tx, [await _find(tx, caller, rule_id)]))[0]


async def change(
    tx: AsyncSession,
    caller: Caller,
    *,
    rule_id: UUID,
    changes: Mapping[str, Any],
    recipients: Sequence[Addressee] | None,
    expected: Collection[int] | None,
    now: datetime,
) -> Shown:
    """Change a rule; when it looks for something else, what was counted is forgotten.

    ``changes`` are by the names of `RuleDraft`; what is left out stays, and so do the recipients
    when None are given. ``expected`` are the versions that the caller knows; None takes any.

    Raises:
        NotFound, Stale: as `delete_rule`.
        Invalid, Forbidden: as `create`.
    """
    row = await _find(tx, caller, rule_id, for_change=True)
    _check_version(row, expected)
    before = draft_of(row)
    draft = bound(replace(before, **changes), caller)
    rule_of(draft)
    _write(row, draft)
    row.version += 1
    row.updated_at = now
    await tx.flush()
    kept = recipients is None
    if recipients is None:
        recipients = (await _shown(tx, [row]))[0].recipients
    _check_recipients(caller, recipients, kept=kept)
    if not kept:
        await tx.execute(delete(AlertRecipientRow).where(AlertRecipientRow.rule_id == rule_id))
        await _address(tx, caller, row, recipients)
        await readdressed(tx, rule_id)
    after = draft_of(row)
    is_other = _counted(after) != _counted(before)
    if is_other:
        await states.reset(tx, rule_id)
        await _begin(tx, row, now)
    if before.incident and (is_other or not after.incident):
        await end_of(tx, rule_id, now=now)
    return (await _shown(tx, [row]))[0]


async def delete_rule(
    tx: AsyncSession,
    caller: Caller,
    *,
    rule_id: UUID,
    expected: Collection[int] | None,
    now: datetime,
) -> None:
    """Delete a rule; what it decided to say is still said, and its incidents are over.

    Raises:
        NotFound: there is none, or the caller may not see it.
        Stale: it has another version by now.
    """
    row = await _find(tx, caller, rule_id, for_change=True)
    _check_version(row, expected)
    await tx.delete(row)
    await tx.flush()
    await end_of(tx, rule_id, now=now)


def _counted(draft: RuleDraft) -> RuleDraft:
    """The draft without what does not change what it counts."""
    return replace(draft, name="", incident=False)


def bound(draft: RuleDraft, caller: Caller) -> RuleDraft:
    """The draft, of the caller's project when they are bound to one.

    Raises:
        Forbidden: it names another.
    """
    if caller.project is None:
        return draft
    if draft.project not in (None, caller.project):
        raise Forbidden(f"you are bound to project {caller.project}")
    return replace(draft, project=caller.project)


async def stored_rule(tx: AsyncSession, caller: Caller, *, rule_id: UUID) -> Rule:
    """A rule as it is used.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    return compiled(await _find(tx, caller, rule_id))


async def _find(
    tx: AsyncSession, caller: Caller, rule_id: UUID, *, for_change: bool = False
) -> AlertRuleRow:
    statement = select(AlertRuleRow).where(AlertRuleRow.id == rule_id)
    if for_change:
        # Those who count for it hold it too, so nobody counts while what they counted is forgotten.
        statement = statement.with_for_update()
    row = await tx.scalar(statement)
    if row is None or not _may_see(caller, row):
        raise NotFound(f"no alert rule {rule_id}")
    return row


def _may_see(caller: Caller, row: AlertRuleRow) -> bool:
    theirs = row.user_id == caller.user_id or caller.may(RIGHT)
    return theirs and caller.project in (None, row.project)


def _check_version(row: AlertRuleRow, expected: Collection[int] | None) -> None:
    if expected is not None and row.version not in expected:
        raise Stale(f"the rule has version {row.version} by now; read it again")


async def _check_room(tx: AsyncSession, caller: Caller) -> None:
    most = config.section(AlertsSettings).rules
    mine = select(func.count()).where(AlertRuleRow.user_id == caller.user_id)
    if (await tx.scalar(mine) or 0) >= most:
        raise Conflict(f"you have {most} alert rules, and nobody may have more")


def _write(row: AlertRuleRow, draft: RuleDraft) -> None:
    rule = rule_of(draft)
    for name in RuleDraft.__dataclass_fields__:
        setattr(row, name, getattr(draft, name))
    row.level, row.min_level = rule.level, rule.min_level
    row.pattern = draft.pattern or None
    row.attrs = dict(rule.attrs) or None
    row.group_by = None if rule.group_by is None else list(rule.group_by)


async def _begin(tx: AsyncSession, row: AlertRuleRow, now: datetime) -> None:
    if row.enabled:
        await states.await_absence(tx, compiled(row), now)


def _check_recipients(caller: Caller, recipients: Sequence[Addressee], *, kept: bool) -> None:
    """Refuse to let somebody who may not disturb others do so.

    Raises:
        Forbidden: the rule tells, or would tell, somebody else.
    """
    if caller.may(RIGHT) or all(one.login.lower() == caller.login for one in recipients):
        return
    what = "change a rule that tells" if kept else "name"
    raise Forbidden(f"to {what} others needs the right {RIGHT}")


async def _address(
    tx: AsyncSession, caller: Caller, row: AlertRuleRow, recipients: Sequence[Addressee]
) -> None:
    _check_recipients(caller, recipients, kept=False)
    names = [one.login.lower() for one in recipients]
    found = await tx.execute(select(UserRow.login, UserRow.id).where(UserRow.login.in_(names)))
    known: dict[str, UUID] = dict(found.all())
    errors: list[FieldError] = []
    for number, one in enumerate(recipients):
        if names[number] not in known:
            errors.append(FieldError(f"recipients.{number}.login", "no such user"))
        elif names[number] in names[:number]:
            errors.append(FieldError(f"recipients.{number}.login", "stands here twice"))
        if one.channel is not None and one.channel not in CHANNELS:
            reason = f"must be one of {', '.join(sorted(CHANNELS))}"
            errors.append(FieldError(f"recipients.{number}.channel", reason))
    if errors:
        raise Invalid(errors)
    rows = [
        {"rule_id": row.id, "user_id": known[name], "channel": one.channel}
        for name, one in zip(names, recipients, strict=True)
    ]
    if rows:
        await tx.execute(insert(AlertRecipientRow), rows)


async def _shown(tx: AsyncSession, rows: Sequence[AlertRuleRow]) -> list[Shown]:
    told: dict[UUID, list[Addressee]] = {row.id: [] for row in rows}
    statement = (
        select(AlertRecipientRow.rule_id, UserRow.login, AlertRecipientRow.channel)
        .join(UserRow, UserRow.id == AlertRecipientRow.user_id)
        .where(AlertRecipientRow.rule_id.in_(told))
        .order_by(UserRow.login)
    )
    for rule_id, login, channel in await tx.execute(statement):
        told[rule_id].append(Addressee(login, channel))
    owners = {row.user_id for row in rows}
    found = await tx.execute(select(UserRow.id, UserRow.login).where(UserRow.id.in_(owners)))
    logins: dict[UUID, str] = dict(found.all())
    return [Shown(row, logins[row.user_id], tuple(told[row.id])) for row in rows]
