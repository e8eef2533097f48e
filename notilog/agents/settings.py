"""Settings of the room of agents."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section


class AgentsSettings(Section):
    """What is asked of agents, and when one counts as gone."""

    section: ClassVar[str] = "agents"

    heartbeat_seconds: float = Field(
        10.0, ge=1, le=300, description="seconds between heartbeats of an agent"
    )
    offline_seconds: float = Field(
        60.0,
        ge=1,
        le=86_400,
        description="seconds without a heartbeat after which an agent is offline; "
        "three heartbeats at the least",
    )
    history_days: float = Field(
        30.0, gt=0, le=3_650, description="days for which changes of agents are kept"
    )
    enrolment_minutes: float = Field(
        15.0, gt=0, le=1_440, description="minutes for which a code to enrol is good"
    )
    most: int = Field(10_000, ge=1, le=1_000_000, description="agents there may be in all")
    sockets: int = Field(
        2_000, ge=1, le=100_000, description="agents connected to one process of the API at most"
    )
    sockets_unknown: int = Field(
        200, ge=1, le=100_000, description="of these, that have not said yet who they are"
    )
