"""Settings of the sockets of one API process."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section


class SocketsSettings(Section):
    """How many sockets one API process holds, and what each may ask of it."""

    section: ClassVar[str] = "sockets"

    most: int = Field(10_000, ge=1, le=1_000_000, description="sockets of one process")
    unknown: int = Field(
        1_000, ge=1, le=1_000_000, description="sockets on top of those that have not signed in yet"
    )
    queue: int = Field(
        256, ge=4, le=100_000, description="messages that wait for a reader before it is too slow"
    )
    queue_bytes: int = Field(
        4 * 2**20, ge=1024, le=2**30, description="characters of the messages that wait for it"
    )
    auth_within: float = Field(
        10.0, gt=0, le=300, description="seconds until the first frame must have come"
    )
    recheck: float = Field(
        20.0, gt=0, le=60, description="seconds between two looks whether a token is still valid"
    )
    keep: int = Field(
        1000,
        ge=1,
        le=100_000,
        description="newest messages that Redis keeps of each topic but logs",
    )
