"""What observers recorded of voice channels: actions, sessions, statistics, and privacy."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from api.deps import scoped
from api.errors import problems
from api.schemas.pages import Page
from api.schemas.voice import (
    ActionAnswer,
    ErasedAnswer,
    HistoryQuery,
    MemberAnswer,
    OptOutAnswer,
    SessionAnswer,
    Snowflake,
)
from api.schemas.voice_stats import (
    HeatMapAnswer,
    HeatMapQuery,
    LeaderboardQuery,
    StatsAnswer,
    StatsQuery,
)
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.observers.voice import exporting, history, privacy, statistics
from notilog.observers.voice.exporting import Kind

router = APIRouter(tags=["observers"], dependencies=[Depends(scoped("observers:admin"))])

Accepted = Annotated[str | None, Header(alias="Accept", include_in_schema=False)]
Of = Annotated[Snowflake, Path(description="the snowflake of a member")]
CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    **problems(404),
}


@router.get("/observers/{observer_id}/actions", responses=CSV, response_model=Page[ActionAnswer])
async def list_voice_actions(
    observer_id: UUID,
    asked: Annotated[HistoryQuery, Query()],
    accept: Accepted = None,
) -> Page[ActionAnswer] | Response:
    """What members did in voice channels, newest first; as CSV all of it."""
    if _wants_csv(asked, accept):
        return await _csv(observer_id, asked, "actions")
    async with reading() as tx:
        found = await history.actions(
            tx, observer_id, filters=asked.filters, limit=asked.limit, cursor=asked.cursor
        )
    return Page(items=[ActionAnswer.of(item) for item in found.items], next=found.next)


@router.get(
    "/observers/{observer_id}/voice_sessions", responses=CSV, response_model=Page[SessionAnswer]
)
async def list_voice_sessions(
    observer_id: UUID,
    asked: Annotated[HistoryQuery, Query()],
    accept: Accepted = None,
) -> Page[SessionAnswer] | Response:
    """Sessions that touch the time asked for, those that began last first; as CSV all of them."""
    if _wants_csv(asked, accept):
        return await _csv(observer_id, asked, "sessions")
    async with reading() as tx:
        found = await history.sessions(
            tx, observer_id, filters=asked.filters, limit=asked.limit, cursor=asked.cursor
        )
    return Page(items=[SessionAnswer.of(item) for item in found.items], next=found.next)


@router.get("/observers/{observer_id}/stats", responses=problems(404))
async def voice_stats(observer_id: UUID, query: Annotated[StatsQuery, Query()]) -> StatsAnswer:
    """Time in voice channels, added up by member, by channel, or by hour of a zone."""
    asked = query.asked(clock.now())
    async with reading() as tx:
        if query.by == "hour":
            hours = await statistics.by_hour(tx, observer_id, asked=asked, zone=query.zone)
            return StatsAnswer.of(query, asked, hours)
        if query.by == "channel":
            channels = await statistics.by_channel(tx, observer_id, asked=asked, limit=query.limit)
            return StatsAnswer.of(query, asked, channels)
        members = await statistics.by_member(tx, observer_id, asked=asked, limit=query.limit)
        return StatsAnswer.of(query, asked, members)


@router.get("/observers/{observer_id}/stats/leaderboard", responses=problems(404))
async def voice_leaderboard(
    observer_id: UUID, query: Annotated[LeaderboardQuery, Query()]
) -> StatsAnswer:
    """Who was in voice channels for longest in a day, week or month of a zone, or ever."""
    asked = query.asked(clock.now())
    async with reading() as tx:
        members = await statistics.by_member(tx, observer_id, asked=asked, limit=query.limit)
    return StatsAnswer.of(query, asked, members)


@router.get("/observers/{observer_id}/stats/heatmap", responses=problems(404))
async def voice_heat_map(
    observer_id: UUID, query: Annotated[HeatMapQuery, Query()]
) -> HeatMapAnswer:
    """Time in voice channels by weekday and hour of a zone."""
    asked = query.asked(clock.now())
    async with reading() as tx:
        cells = await statistics.heat_map(tx, observer_id, asked=asked, zone=query.zone)
    return HeatMapAnswer.of(query, asked, cells)


@router.get("/voice_members/{member_id}")
async def export_voice_member(member_id: Of) -> MemberAnswer:
    """Everything that is known of a member, in one document."""
    async with transaction() as tx:  # a replica may not have heard of all of it yet
        return MemberAnswer.of(await privacy.export(tx, member_id))


@router.delete("/voice_members/{member_id}")
async def erase_voice_member(member_id: Of) -> ErasedAnswer:
    """Delete everything that is known of a member; they are recorded again when they come anew."""
    async with transaction() as tx:
        return ErasedAnswer(rows=await privacy.erase(tx, member_id))


@router.get("/voice_opt_outs/{member_id}", responses=problems(404))
async def get_voice_opt_out(member_id: Of) -> OptOutAnswer:
    """Say since when nothing is recorded of a member."""
    async with transaction() as tx:
        since = await privacy.opted_out(tx, member_id)
    return OptOutAnswer(member_id=str(member_id), since=since)


@router.put("/voice_opt_outs/{member_id}")
async def opt_voice_member_out(member_id: Of) -> OptOutAnswer:
    """Record nothing of a member from now on, and delete what is known of them."""
    async with transaction() as tx:
        since = await privacy.opt_out(tx, member_id, now=clock.now())
    return OptOutAnswer(member_id=str(member_id), since=since)


@router.delete("/voice_opt_outs/{member_id}", status_code=204, responses=problems(404))
async def opt_voice_member_in(member_id: Of) -> None:
    """Let a member be recorded again."""
    async with transaction() as tx:
        await privacy.opt_in(tx, member_id)


def _wants_csv(asked: HistoryQuery, accept: str | None) -> bool:
    if asked.format is not None:
        return asked.format == "csv"
    return accept is not None and "text/csv" in accept.lower() and "json" not in accept.lower()


async def _csv(observer_id: UUID, asked: HistoryQuery, kind: Kind) -> Response:
    pieces = await exporting.export(observer_id, kind=kind, filters=asked.filters)
    headers = {"Content-Disposition": f'attachment; filename="voice_{kind}.csv"'}
    return StreamingResponse(pieces, media_type="text/csv", headers=headers)
