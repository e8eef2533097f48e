"""Log records as the API takes and shows them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from notilog.instants import Instant
from notilog.logs import levels, record
from notilog.logs.batch import Batch
from notilog.logs.search import Filters
from notilog.logs.tables import LogRecordRow

ATTRIBUTE = "attr."
LONGEST_FILTER = 1000

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
        **dict.fromkeys(
            ("host", "service", "environment", "logger", "trace_id", "span_id", "request_id"), _NAME
        ),
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


class LogQuery(BaseModel):
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
    order: Literal["desc", "asc"] = Field("desc", description="newest or oldest first")
    limit: int = Field(100, ge=1, le=1000, description="items per page")
    cursor: Text | None = Field(None, description="`next` of the page before; serves both orders")

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
        return Filters(
            project=self.project,
            module=self.module,
            level=self.level,
            min_level=self.min_level,
            since=self.since,
            until=self.until,
            words=self.q,
            attrs=attrs,
        )


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
