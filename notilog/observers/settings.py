"""Settings of the observers."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section


class ObserversSettings(Section):
    """How observers are kept running, and what they may reach."""

    section: ClassVar[str] = "observers"

    lease_seconds: float = Field(
        30.0,
        ge=1,
        le=600,
        description="seconds without a heartbeat after which an observer is started elsewhere; "
        "it beats four times as often",
    )
    first_pause: float = Field(
        1.0, gt=0, le=60, description="seconds before an observer that failed is tried again"
    )
    longest_pause: float = Field(
        300.0, gt=0, le=86_400, description="seconds to which that pause grows, doubling each time"
    )
    settled_after: float = Field(
        60.0, gt=0, le=86_400, description="seconds of running after which failures are forgotten"
    )
    most: int = Field(10_000, ge=1, le=1_000_000, description="observers there may be in all")
    allow_private: bool = Field(
        False, description="permit observers of servers with private addresses"
    )
