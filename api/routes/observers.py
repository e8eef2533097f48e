"""Observers: what is watched outside, started and stopped by whoever may."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.deps import scoped
from api.errors import problems
from api.schemas.observers import (
    Deleting,
    KindAnswer,
    Made,
    NewObserver,
    ObserverAnswer,
    ObserverChanges,
    ObserverStatus,
)
from api.schemas.pages import Cursor, Limit, Page
from api.versions import KnownVersions, tagged
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.errors import NotFound
from notilog.observers import observers
from notilog.observers.kinds import KINDS
from notilog.users.caller import Caller

router = APIRouter(tags=["observers"])

Watcher = Annotated[Caller, Depends(scoped("observers:admin"))]


@router.get("/observer_kinds")
async def list_observer_kinds(_: Watcher) -> list[KindAnswer]:
    """What can be watched, and what has to be told for it."""
    return [KindAnswer.of(name, kind) for name, kind in KINDS.items()]


@router.post("/observers", status_code=201, responses=problems(409))
async def make_observer(new: NewObserver, response: Response, caller: Watcher) -> ObserverAnswer:
    """Make an observer and start it. Its token is kept encrypted and never shown."""
    async with transaction() as tx:
        made = await observers.create(
            tx, caller, name=new.name, kind=new.kind, env=new.env, now=clock.now()
        )
    response.headers["Location"] = f"observers/{made.row.id}"
    return tagged(response, ObserverAnswer.of(made))


@router.get("/observers")
async def list_observers(
    _: Watcher, limit: Limit = 100, cursor: Cursor | None = None
) -> Page[ObserverAnswer]:
    """The observers, newest first."""
    async with reading() as tx:
        items, following = await observers.listing(tx, limit=limit, cursor=cursor)
    return Page(items=[ObserverAnswer.of(item) for item in items], next=following)


@router.get("/observers/{observer_id}", responses=problems(404))
async def show_observer(observer_id: UUID, response: Response, _: Watcher) -> ObserverAnswer:
    """One observer."""
    async with reading() as tx:
        return tagged(response, ObserverAnswer.of(await observers.get(tx, observer_id)))


@router.patch("/observers/{observer_id}", responses=problems(404, 412))
async def change_observer(
    *,
    observer_id: UUID,
    changes: ObserverChanges,
    response: Response,
    caller: Watcher,
    known: KnownVersions,
) -> ObserverAnswer:
    """Change its name or its env; it runs anew with them, also when it had failed for ever."""
    async with transaction() as tx:
        changed = await observers.change(
            tx,
            caller,
            observer_id=observer_id,
            name=changes.name,
            env=changes.env,
            expected=known,
            now=clock.now(),
        )
    return tagged(response, ObserverAnswer.of(changed))


@router.post("/observers/{observer_id}/start", responses=problems(404))
async def start_observer(observer_id: UUID, response: Response, caller: Watcher) -> ObserverAnswer:
    """Start it, also after a failure."""
    async with transaction() as tx:
        started = await observers.start(tx, caller, observer_id=observer_id, now=clock.now())
    return tagged(response, ObserverAnswer.of(started))


@router.post("/observers/{observer_id}/stop", responses=problems(404))
async def stop_observer(observer_id: UUID, response: Response, caller: Watcher) -> ObserverAnswer:
    """Stop it wherever it runs; it is `stopped` within seconds, and keeps what it wrote."""
    async with transaction() as tx:
        stopped = await observers.stop(tx, caller, observer_id=observer_id, now=clock.now())
    return tagged(response, ObserverAnswer.of(stopped))


@router.delete("/observers/{observer_id}", status_code=204, responses=problems(404))
async def delete_observer(observer_id: UUID, caller: Watcher) -> None:
    """Delete it with all that it recorded, wherever it runs."""
    await observers.remove(caller, observer_id=observer_id, now=clock.now())


@router.get("/status")
async def status(_: Watcher) -> list[ObserverStatus]:
    """How all observers go."""
    async with reading() as tx:
        return [ObserverStatus.model_validate(row) for row in await observers.statuses(tx)]


@router.post("/create", responses=problems(409))
async def create(new: NewObserver, caller: Watcher) -> Made:
    """Make an observer and start it, as `POST /observers`."""
    async with transaction() as tx:
        made = await observers.create(
            tx, caller, name=new.name, kind=new.kind, env=new.env, now=clock.now()
        )
    return Made(id=made.row.id)


@router.post("/delete")
@router.post("/delite", include_in_schema=False)
async def delete(which: Deleting, caller: Watcher) -> bool:
    """Delete an observer; false when there was none."""
    try:
        await observers.remove(caller, observer_id=which.id, now=clock.now())
    except NotFound:
        return False
    return True
