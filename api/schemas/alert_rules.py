"""Alert rules as the API takes and shows them, and their dry runs."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from notilog.errors import Invalid
from notilog.instants import Instant
from notilog.logs import levels
from notilog.logs.alerts.drafts import RuleDraft
from notilog.logs.alerts.rehearsal import Rehearsal, Told
from notilog.logs.alerts.rules import Addressee, Shown
from notilog.logs.record import NAME_LENGTH
from notilog.logs.rows import YEARS_BEGIN

LONGEST_PATTERN = 1000
LONGEST_COOLDOWN = 7 * 24 * 3600
LONGEST_WINDOW = 24 * 3600
MOST_RECIPIENTS = 100
A_DAY = timedelta(days=1)
EXAMPLE: dict[str, Any] = {
    "name": "Payments fail",
    "project": "shop",
    "min_level": "error",
    "pattern": "(?i)payment .* (refused|timed out)",
    "count": 5,
    "within_seconds": 60,
    "recipients": [{"login": "anna", "channel": "telegram"}],
}
SILENCE: dict[str, Any] = {
    "name": "The backup does not report",
    "kind": "absence",
    "project": "backup",
    "within_seconds": 3600,
}

RuleName = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)]
Level = Annotated[str, StringConstraints(min_length=1, max_length=20)]
Pattern = Annotated[str, StringConstraints(max_length=LONGEST_PATTERN)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH)]
Scalar = Annotated[str, StringConstraints(max_length=1000)] | bool | int | float | None
Attributes = Annotated[dict[Key, Scalar], Field(max_length=20)]
GroupBy = Annotated[list[Key], Field(max_length=10)]
Kind = Literal["match", "absence"]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Within = Annotated[int, Field(ge=1, le=LONGEST_WINDOW)]
Cooldown = Annotated[int, Field(ge=1, le=LONGEST_COOLDOWN)]


class RecipientBody(BaseModel):
    """Who is told; without a channel by Telegram, else by e-mail, whichever they have."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    login: str = Field(min_length=1, max_length=200, examples=["anna"])
    channel: str | None = Field(None, min_length=1, max_length=50, examples=["telegram"])

    def addressee(self) -> Addressee:
        return Addressee(self.login, self.channel)


Recipients = Annotated[list[RecipientBody], Field(max_length=MOST_RECIPIENTS)]


class RuleFields(BaseModel):
    """What a rule looks for; a field that is left out does not narrow it."""

    model_config = ConfigDict(extra="forbid")

    name: RuleName = "A dry run"
    kind: Kind = Field("match", description="`absence`: fewer than `count` matches")
    project: Place | None = None
    module: Place | None = None
    level: Level | None = Field(None, description="exactly this level", examples=["error"])
    min_level: Level | None = Field(None, description="this level or a graver one")
    pattern: Pattern | None = Field(
        None, description="a regular expression (RE2) that is found in the message"
    )
    attrs: Attributes | None = Field(None, description="attributes that must have these values")
    count: Count = Field(1, description="so many matches are worth a message")
    within_seconds: Within | None = Field(None, description="within this time")
    group_by: GroupBy | None = Field(
        None,
        description="fields and `attrs.KEY` by which matches are counted apart; by default project,"
        " module and the message without its numbers, for `absence` not at all",
        examples=[["project", "attrs.customer"]],
    )
    cooldown_seconds: Cooldown = Field(
        300, description="after a message others of its group are only counted for so long"
    )
    incident: bool = Field(
        False, description="what it finds is an incident too, told until somebody acts"
    )

    def draft(self, **more: Any) -> RuleDraft:
        given = {name: getattr(self, name) for name in RuleFields.model_fields}
        return RuleDraft(**{**given, **more})


class NewRule(RuleFields):
    """A rule to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE, SILENCE]})

    name: RuleName = Field()
    enabled: bool = True
    recipients: Recipients | None = Field(None, description="you by default")

    def addressees(self) -> list[Addressee] | None:
        return None if self.recipients is None else [one.addressee() for one in self.recipients]


class RuleChanges(BaseModel):
    """What to change of a rule; what is left out stays, null takes a narrowing back."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"enabled": False}, {"count": 10}]}
    )

    name: RuleName | None = None
    enabled: bool | None = None
    kind: Kind | None = None
    project: Place | None = None
    module: Place | None = None
    level: Level | None = None
    min_level: Level | None = None
    pattern: Pattern | None = None
    attrs: Attributes | None = None
    count: Count | None = None
    within_seconds: Within | None = None
    group_by: GroupBy | None = None
    cooldown_seconds: Cooldown | None = None
    incident: bool | None = None
    recipients: Recipients | None = None

    @field_validator(
        *("name", "enabled", "kind", "count", "cooldown_seconds", "incident", "recipients")
    )
    @classmethod
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("may be left out, but not be null")
        return value

    def changes(self) -> dict[str, Any]:
        """By the names of a draft."""
        given = self.model_fields_set - {"recipients"}
        return {name: getattr(self, name) for name in given}

    def addressees(self) -> list[Addressee] | None:
        return None if self.recipients is None else [one.addressee() for one in self.recipients]


class RuleAnswer(BaseModel):
    """A rule, whom it tells, and its version."""

    id: UUID
    owner: str = Field(examples=["anna"])
    name: str = Field(examples=["Payments fail"])
    enabled: bool
    kind: Kind
    project: str | None
    module: str | None
    level: str | None
    min_level: str | None
    pattern: str | None
    attrs: dict[str, str] | None
    count: int
    within_seconds: int | None
    group_by: list[str] | None
    cooldown_seconds: int
    incident: bool
    recipients: list[RecipientBody]
    created_at: datetime
    updated_at: datetime
    version: int

    @classmethod
    def of(cls, shown: Shown) -> Self:
        row = shown.row
        columns = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        graded = {
            name: None if columns[name] is None else levels.NAMES[columns[name]]
            for name in ("level", "min_level")
        }
        told = [RecipientBody.model_validate(one) for one in shown.recipients]
        return cls(**{**columns, **graded}, owner=shown.owner, recipients=told)


class Span(BaseModel):
    """Of which records a dry run is; of the last day by default."""

    model_config = ConfigDict(extra="forbid")

    since: Instant | None = Field(None, alias="from", description="the first instant, included")
    until: Instant | None = Field(None, alias="to", description="the last instant, excluded")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("from must be before to")
        return self

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """From when to when.

        Raises:
            Invalid: one of them is far ahead, where no record is.
        """
        for name, at in (("from", self.since), ("to", self.until)):
            if at is not None and at > now + A_DAY:
                raise Invalid.field(name, "is more than a day ahead")
        until = self.until or max(now, self.since or now)
        return self.since or max(until, YEARS_BEGIN + A_DAY) - A_DAY, until


class TrialRule(RuleFields, Span):
    """A rule that is not stored, and the records to try it out on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    recipients: Recipients | None = Field(None, description="nobody is told anything")
    enabled: bool = True


class LineAnswer(BaseModel):
    """A record that matched, as far as a message tells of it."""

    id: UUID
    ts: datetime
    level: str
    project: str
    module: str
    message: str
    host: str | None
    service: str | None

    @classmethod
    def of(cls, line: Any) -> Self:
        return cls(**{**line, "level": levels.NAMES[line["level"]]})


class MessageAnswer(BaseModel):
    """A message that would have been sent to everybody whom the rule tells."""

    at: datetime
    said: Literal["matched", "more", "missing", "back"] = Field(
        description="`more`: so many in the cool-down; `back`: what was missing comes again"
    )
    count: int
    group: str
    line: LineAnswer | None

    @classmethod
    def of(cls, told: Told) -> Self:
        verdict = told.verdict
        line = None if verdict.line is None else LineAnswer.of(verdict.line)
        return cls(
            at=verdict.at,
            said=verdict.said,
            count=verdict.count,
            group=told.fingerprint,
            line=line,
        )


class TrialAnswer(BaseModel):
    """What a rule would have found and said, had every record arrived at its own time."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    records: int = Field(description="records that were looked at")
    matched: int
    groups: int
    messages: int
    cut: Literal["records", "time"] | None = Field(
        description="why not all were looked at: there are too many, or it takes too long"
    )
    sent: list[MessageAnswer] = Field(description="the first of the messages")
    examples: list[LineAnswer] = Field(description="a record of each of the first groups")

    @classmethod
    def of(cls, run: Rehearsal) -> Self:
        return cls(
            since=run.since,
            until=run.until,
            records=run.records,
            matched=run.matched,
            groups=len(run.groups),
            messages=run.messages,
            cut=run.cut,
            sent=[MessageAnswer.of(told) for told in run.told],
            examples=[LineAnswer.of(line) for line in run.examples],
        )
