"""Totals of the time in voice channels, as they are asked for and shown."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.schemas.voice import Snowflake, Span, with_text_ids
from notilog.instants import Instant
from notilog.observers.voice.periods import Period, window
from notilog.observers.voice.statistics import Asked, ChannelTotal, HourTotal, Left, MemberTotal
from notilog.observers.voice.statistics import Cell as HourOfWeek
from notilog.zones import zone_named

A_MONTH = timedelta(days=30)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def _known(name: str) -> str:
    return zone_named(name).key


Zone = Annotated[str, AfterValidator(_known), Field(max_length=100, examples=["UTC"])]


class Narrowed(BaseModel):
    """What totals are of, but for the time."""

    model_config = ConfigDict(extra="forbid")

    guild: Snowflake | None = None
    channel: Snowflake | None = None
    member: Snowflake | None = None
    timezone: Zone = Field("UTC", description="in which hours, days, weeks and months are")
    without: list[Left] = Field(
        [], max_length=4, description="leave out AFK channels, bots, muted or deafened time"
    )

    @property
    def zone(self) -> ZoneInfo:
        return zone_named(self.timezone)

    def _asked(self, since: datetime, until: datetime, now: datetime) -> Asked:
        return Asked(
            since=since,
            until=until,
            now=now,
            guild=self.guild,
            channel=self.channel,
            member=self.member,
            without=frozenset(self.without),
        )


class HeatMapQuery(Narrowed, Span):
    """Of which time the hours of the week are; of the last 30 days unless asked else."""

    def asked(self, now: datetime) -> Asked:
        until = self.until or max(now, self.since or now)
        since = self.since or max(EARLIEST, until) - A_MONTH
        return self._asked(since, max(until, since), now)


class StatsQuery(HeatMapQuery):
    """By what time is added up, and of which time; of the last 30 days unless asked else."""

    by: Literal["member", "channel", "hour"] = "member"
    limit: int = Field(100, ge=1, le=1000, description="members or channels at most")


class LeaderboardQuery(Narrowed):
    """A period, and which one of its kind."""

    period: Period = "week"
    at: Instant | None = Field(None, description="an instant of it; now by default")
    limit: int = Field(10, ge=1, le=1000, description="members at most")

    def asked(self, now: datetime) -> Asked:
        at = min(max(self.at or now, EARLIEST), now + timedelta(days=366))
        found = window(self.period, zone=self.zone, at=at)
        return self._asked(*(found or (EARLIEST, now + timedelta(days=1))), now)


class MemberTotalAnswer(BaseModel):
    """How long a member was there."""

    member_id: str
    name: str | None
    display_name: str | None
    is_bot: bool | None
    seconds: float
    sessions: int


class ChannelTotalAnswer(BaseModel):
    """How long members were in a channel, all together."""

    channel_id: str
    name: str | None
    is_afk: bool | None
    deleted_at: datetime | None
    seconds: float
    sessions: int


class HourTotalAnswer(BaseModel):
    """How long members were there within an hour, all together."""

    start: datetime
    seconds: float


class HeatMapCell(BaseModel):
    """How long members were there within an hour of the week, all together."""

    weekday: int = Field(description="1 is Monday, 7 Sunday")
    hour: int
    seconds: float


class Window(BaseModel):
    """The time that was asked about."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    timezone: str


class StatsAnswer(Window):
    """Totals: those of members and channels with the longest first, those of hours in order."""

    by: Literal["member", "channel", "hour"]
    items: list[MemberTotalAnswer] | list[ChannelTotalAnswer] | list[HourTotalAnswer]

    @classmethod
    def of(
        cls,
        query: StatsQuery | LeaderboardQuery,
        asked: Asked,
        totals: Sequence[MemberTotal] | Sequence[ChannelTotal] | Sequence[HourTotal],
    ) -> Self:
        by = getattr(query, "by", "member")
        shapes: dict[str, Any] = {
            "member": MemberTotalAnswer,
            "channel": ChannelTotalAnswer,
            "hour": HourTotalAnswer,
        }
        items = [shapes[by](**with_text_ids(asdict(total))) for total in totals]
        return cls(
            since=asked.since, until=asked.until, timezone=query.timezone, by=by, items=items
        )


class HeatMapAnswer(Window):
    """The hours of the week in which there was anybody."""

    cells: list[HeatMapCell]

    @classmethod
    def of(cls, query: HeatMapQuery, asked: Asked, found: Sequence[HourOfWeek]) -> Self:
        cells = [HeatMapCell(**asdict(one)) for one in found]
        return cls(since=asked.since, until=asked.until, timezone=query.timezone, cells=cells)
