"""Alert rules: what to look for among log records, and whom to tell."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.deps import scoped
from api.errors import problems
from api.schemas.alert_rules import (
    NewRule,
    RuleAnswer,
    RuleChanges,
    Span,
    TrialAnswer,
    TrialRule,
)
from api.schemas.pages import Cursor, Limit, Page
from api.versions import KnownVersions, tagged
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.logs.alerts import rules
from notilog.logs.alerts.drafts import rule_of
from notilog.logs.alerts.rehearsal import rehearse
from notilog.users.caller import Caller

router = APIRouter(prefix="/alert_rules", tags=["logs"])

Reader = Annotated[Caller, Depends(scoped("logs:read"))]


@router.post("", status_code=201, responses=problems(409))
async def make_alert_rule(new: NewRule, response: Response, caller: Reader) -> RuleAnswer:
    """Make a rule that tells you; to name others needs `logs:admin`."""
    async with transaction() as tx:
        made = await rules.create(
            tx,
            caller,
            draft=new.draft(enabled=new.enabled),
            recipients=new.addressees(),
            now=clock.now(),
        )
    response.headers["Location"] = f"alert_rules/{made.row.id}"
    return tagged(response, RuleAnswer.of(made))


@router.get("")
async def list_alert_rules(
    caller: Reader, limit: Limit = 100, cursor: Cursor | None = None
) -> Page[RuleAnswer]:
    """Your rules, newest first; with `logs:admin` everybody's."""
    async with reading() as tx:
        items, following = await rules.listing(tx, caller, limit=limit, cursor=cursor)
    return Page(items=[RuleAnswer.of(item) for item in items], next=following)


@router.post("/test", responses=problems(429))
async def try_alert_rule(trial: TrialRule, caller: Reader) -> TrialAnswer:
    """Say what a rule would have found and sent; nothing is stored or sent."""
    rule = rule_of(rules.bound(trial.draft(), caller))
    since, until = trial.window(clock.now())
    async with reading() as tx:
        return TrialAnswer.of(await rehearse(tx, rule, since=since, until=until))


@router.get("/{rule_id}", responses=problems(404))
async def get_alert_rule(rule_id: UUID, response: Response, caller: Reader) -> RuleAnswer:
    """A rule of yours."""
    async with reading() as tx:
        found = await rules.get(tx, caller, rule_id=rule_id)
    return tagged(response, RuleAnswer.of(found))


@router.patch("/{rule_id}", responses=problems(404, 412))
async def change_alert_rule(
    *,
    rule_id: UUID,
    changed: RuleChanges,
    response: Response,
    caller: Reader,
    known: KnownVersions,
) -> RuleAnswer:
    """Change a rule; when it looks for something else, it begins to count anew."""
    async with transaction() as tx:
        rule = await rules.change(
            tx,
            caller,
            rule_id=rule_id,
            changes=changed.changes(),
            recipients=changed.addressees(),
            expected=known,
            now=clock.now(),
        )
    return tagged(response, RuleAnswer.of(rule))


@router.delete("/{rule_id}", status_code=204, responses=problems(404, 412))
async def delete_alert_rule(rule_id: UUID, caller: Reader, known: KnownVersions) -> None:
    """Delete a rule; what it has decided to send is still sent."""
    async with transaction() as tx:
        await rules.delete_rule(tx, caller, rule_id=rule_id, expected=known, now=clock.now())


@router.post("/{rule_id}/test", responses=problems(404, 429))
async def try_stored_alert_rule(rule_id: UUID, span: Span, caller: Reader) -> TrialAnswer:
    """Say what this rule would have found and sent; nothing is sent."""
    since, until = span.window(clock.now())
    async with reading() as tx:
        rule = await rules.stored_rule(tx, caller, rule_id=rule_id)
        return TrialAnswer.of(await rehearse(tx, rule, since=since, until=until))
