"""Settings of alerts."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section


class AlertsSettings(Section):
    """Limits of the rules."""

    section: ClassVar[str] = "logs.alerts"

    groups: int = Field(
        1_000, ge=1, le=100_000, description="living groups of one rule; those beyond share one"
    )
    rules: int = Field(100, ge=1, le=10_000, description="rules that one person may have")
    rehearsal_records: int = Field(
        1_000_000, ge=1, le=100_000_000, description="most stored records that a dry run reads"
    )
    rehearsal_seconds: float = Field(
        20.0, gt=0, le=300, description="seconds that a dry run may take"
    )
