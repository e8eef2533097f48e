"""Settings of what is recorded of voice channels."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section


class VoiceSettings(Section):
    """How voice channels are recorded, and how long that is kept."""

    section: ClassVar[str] = "observers.voice"

    days: float | None = Field(
        None, gt=0, le=36_500, description="days for which actions and sessions are kept"
    )
    left_guild_days: float = Field(
        30.0, ge=0, le=36_500, description="days after which all of a guild that was left goes"
    )
    queue_events: int = Field(
        10_000, ge=1, le=10_000_000, description="events of one observer that wait at most"
    )
    batch_events: int = Field(
        500, ge=1, le=10_000, description="events of one observer that are recorded at once"
    )
    batch_ms: int = Field(
        20, ge=0, le=5_000, description="milliseconds for which events gather before that"
    )
    stats_timeout: float = Field(
        15.0, gt=0, le=300, description="seconds that one question about the statistics may take"
    )
