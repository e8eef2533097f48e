"""Settings of the room of incidents."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from notilog.config import Section
from notilog.incidents.escalation import Policy

Minutes = Annotated[float, Field(gt=0, le=10_080)]


class IncidentsSettings(Section):
    """When people are told again of what nobody acknowledges, and when it is over."""

    section: ClassVar[str] = "incidents"

    repeat_minutes: list[Minutes] = Field(
        default=[5, 15, 30],
        max_length=20,
        description="minutes after each telling until the next one, while nobody acknowledges",
    )
    repeats: int = Field(
        10, ge=0, le=1_000, description="times that the last of these is used again"
    )
    administrators_from: int = Field(
        3, ge=0, le=1_000, description="the telling from which administrators hear too; 0 never"
    )
    quiet_minutes: float = Field(
        1_440.0,
        ge=0,
        le=525_600,
        description="minutes without a new occurrence after which it is resolved; 0 never",
    )
    reopen_minutes: float = Field(
        10.0,
        ge=0,
        le=10_080,
        description="minutes for which what was over by itself goes on if it occurs; 0 never",
    )
    keep_days: float = Field(
        90.0, gt=0, le=3_650, description="days for which resolved incidents are kept"
    )

    @property
    def policy(self) -> Policy:
        return Policy(
            waits=tuple(timedelta(minutes=wait) for wait in self.repeat_minutes),
            repeats=self.repeats,
            administrators_from=self.administrators_from,
            quiet=timedelta(minutes=self.quiet_minutes) if self.quiet_minutes else None,
            reopen=timedelta(minutes=self.reopen_minutes) if self.reopen_minutes else None,
        )
