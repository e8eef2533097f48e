"""Rules and records for tests of alerts."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from notilog.logs.alerts.drafts import RuleDraft, rule_of
from notilog.logs.alerts.matching import Rule

ID = UUID(int=1)
BEGIN = datetime(2026, 11, 20, 10, tzinfo=UTC)


def rule(**fields: Any) -> Rule:
    return rule_of(RuleDraft(**{"name": "Tested", **fields}))


@dataclass(frozen=True)
class Line:
    """A record as rules see it."""

    message: str = "order 18 refused"
    level: int = 40
    project: str = "shop"
    module: str = "cart"
    host: str | None = None
    service: str | None = None
    attrs: dict[str, Any] | None = None
    ts: datetime = BEGIN
    id: UUID = ID
