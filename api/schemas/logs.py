"""Log records as the API takes and shows them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from notilog.instants import Instant
from notilog.logs import levels, record
from notilog.logs.batch import Batch
from notilog.logs.counting import Facets, Histogram
from notilog.logs.filters import Filters
from notilog.logs.rows import COLUMNS
from notilog.logs.tables import LogAuditRow, LogRecordRow

ATTRIBUTE = "attr."
LONGEST_FILTER = 1000

UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
FacetField = Literal["level", "project", "module", "host", "service", "environment", "logger"]
Text = Annotated[str, StringConstraints(max_length=LONGEST_FILTER)]

RECORD_EXAMPLE: dict[str, Any] = {
    "ts": "2026-11-20T10:00:00.25Z",
    "level": "warning",
    "project": "shop",
    "module": "cart",
    "message": "order 18 refused",
    "host": "web-1",
    "attrs": {"order": 18},
}
_NAME = {"type": "string", "maxLength": record.NAME_LENGTH}
RECORD = {
    "type": "object",
    "description": "A record. Fields that are not named here move to `attrs`.",
    "required": ["level", "project", "module", "message"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "ts": {"type": "string", "format": "date-time", "description": "else the arrival"},
        "level": {
            "type": ["string", "integer"],
            "description": f"one of {', '.join(levels.NUMBERS)}, or a number of Python's logging",
        },
        "project": {**_NAME, "minLength": 1},
        "module": {**_NAME, "minLength": 1},
        "message": {"type": "string"},
        **dict.fromkeys(record.WORDS, _NAME),
        "stack_trace": {"type": "string"},
        "attrs": {"type": "object"},
    },
    "example": RECORD_EXAMPLE,
}
SENT_RECORDS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"oneOf": [RECORD, {"type": "array", "items": RECORD}]}},
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "a record a line"}
            },
        },
    }
}
"""The body of ``POST /logs`` for the OpenAPI document; `notilog.logs.intake` reads it itself."""


class Rejected(BaseModel):
    """A record that was not accepted."""

    index: int = Field(description="its place in what was sent, from 0", examples=[3])
    reason: str = Field(examples=["Object missing required field `message`"])


class Accepted(BaseModel):
    """What the broker has taken; it will be stored."""

    batch_id: UUID
    accepted: int = Field(examples=[999])
    rejected: list[Rejected]

    @classmethod
    def of(cls, batch: Batch) -> Self:
        rejected = [Rejected(index=bad.position, reason=bad.reason) for bad in batch.rejects]
        return cls(batch_id=batch.id, accepted=batch.records, rejected=rejected)


class LogFilters(BaseModel):
    """Filters of records; any ``attr.KEY=value`` besides."""

    model_config = ConfigDict(extra="allow")

    project: Text | None = None
    module: Text | None = None
    level: Text | None = Field(None, description="exactly this level", examples=["error"])
    min_level: Text | None = Field(None, description="this level or a graver one")
    since: Instant | None = Field(None, alias="from", description="the first instant, included")
    until: Instant | None = Field(None, alias="to", description="the last instant, excluded")
    q: Text | None = Field(
        None, description='words of the message: `refused "order 18" -test or failed`'
    )
    host: Text | None = None
    service: Text | None = None
    environment: Text | None = None
    logger: Text | None = None
    trace_id: Text | None = None
    span_id: Text | None = None
    request_id: Text | None = None

    @model_validator(mode="after")
    def _only_attributes_besides(self) -> Self:
        for name in self.model_extra or ():
            if not name.startswith(ATTRIBUTE):
                raise ValueError(f"no such parameter: {name}")
        return self

    @property
    def filters(self) -> Filters:
        attrs = {
            name.removeprefix(ATTRIBUTE): str(value)
            for name, value in (self.model_extra or {}).items()
        }
        own = {name: getattr(self, name) for name in LogFilters.model_fields if name != "q"}
        return Filters(**own, words=self.q, attrs=attrs)


class LogQuery(LogFilters):
    """Filters, and which page of what they find."""

    order: Literal["desc", "asc"] = Field("desc", description="newest or oldest first")
    limit: int = Field(100, ge=1, le=1000, description="items per page")
    cursor: Text | None = Field(None, description="`next` of the page before; serves both orders")


class HistogramQuery(LogFilters):
    """Filters, and the length of the intervals."""

    interval: str | None = Field(
        None,
        pattern=r"^[1-9][0-9]{0,4}[smhd]$",
        description="of the intervals: `30s`, `5m`, `1h`, `1d`; else what suits",
        examples=["5m"],
    )

    @property
    def length(self) -> timedelta | None:
        if self.interval is None:
            return None
        return int(self.interval[:-1]) * UNITS[self.interval[-1]]


class FacetsQuery(LogFilters):
    """Filters, and the fields whose values are counted."""

    field: list[FacetField] = Field(
        default=["level", "project", "module"], max_length=7, description="repeat it for several"
    )
    limit: int = Field(20, ge=1, le=500, description="values per field")


class LogRecord(BaseModel):
    """A stored record."""

    model_config = ConfigDict(json_schema_extra={"examples": [RECORD_EXAMPLE]})

    id: UUID
    ts: datetime
    level: str
    project: str
    module: str
    message: str
    host: str | None
    service: str | None
    environment: str | None
    logger: str | None
    trace_id: str | None
    span_id: str | None
    request_id: str | None
    stack_trace: str | None
    attrs: dict[str, Any] | None

    @classmethod
    def of(cls, row: LogRecordRow) -> Self:
        fields = {name: getattr(row, name) for name in cls.model_fields}
        return cls(**{**fields, "ts": row.ts.astimezone(UTC), "level": levels.NAMES[row.level]})


class LogChange(BaseModel):
    """New values of a record's fields; null empties a field that may be empty."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"level": "info", "attrs": {"checked": True}}]},
    )

    ts: Instant | None = None
    level: str | int | None = None
    project: str | None = None
    module: str | None = None
    message: str | None = None
    host: str | None = None
    service: str | None = None
    environment: str | None = None
    logger: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    request_id: str | None = None
    stack_trace: str | None = None
    attrs: dict[str, Any] | None = None

    @property
    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set if name in COLUMNS}


class LogChangeById(LogChange):
    """Which record, and new values of its fields."""

    id: UUID

    @property
    def changes(self) -> dict[str, Any]:
        changes = super().changes
        changes.pop("id", None)
        return changes


class LogEdit(BaseModel):
    """What was done to a record."""

    at: datetime
    login: str
    before: dict[str, Any]
    after: dict[str, Any] | None = Field(description="null when it was deleted")

    @classmethod
    def of(cls, row: LogAuditRow) -> Self:
        return cls(at=row.at.astimezone(UTC), login=row.login, before=row.before, after=row.after)


class LogsDeleted(BaseModel):
    """How many records were deleted."""

    deleted: int
    more: bool = Field(description="whether others match: ask again to delete them too")


class LogBucket(BaseModel):
    """How many records an interval has."""

    start: datetime
    total: int
    levels: dict[str, int] = Field(examples=[{"info": 18, "error": 1}])


class LogHistogram(BaseModel):
    """Records over time; intervals without any are left out."""

    interval_seconds: int = Field(examples=[300])
    buckets: list[LogBucket]

    @classmethod
    def of(cls, found: Histogram) -> Self:
        buckets = [
            LogBucket(
                start=bucket.start.astimezone(UTC),
                total=sum(bucket.levels.values()),
                levels=bucket.levels,
            )
            for bucket in found.buckets
        ]
        return cls(interval_seconds=int(found.interval.total_seconds()), buckets=buckets)


class FacetValue(BaseModel):
    value: str
    records: int


class LogFacets(BaseModel):
    """The most frequent values of each field."""

    fields: dict[str, list[FacetValue]]
    sampled: bool = Field(description="whether only the newest 100,000 records were counted")

    @classmethod
    def of(cls, found: Facets) -> Self:
        fields = {
            name: [FacetValue(value=value, records=number) for value, number in values]
            for name, values in found.values.items()
        }
        return cls(fields=fields, sampled=found.sampled)
