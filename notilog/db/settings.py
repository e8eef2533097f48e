"""Settings of the database's pools, apart from them: who only reads settings loads no driver."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section


class DatabaseSettings(Section):
    """How this process uses the database."""

    section: ClassVar[str] = "database"

    pool_size: int = Field(10, ge=1, le=500, description="connections kept to each host")
    pool_max_overflow: int = Field(10, ge=0, le=500, description="connections on top of those")
    acquire_timeout: float = Field(
        5.0, gt=0, le=120, description="seconds to wait for a connection"
    )
    refresh_delay: float = Field(1.0, gt=0, le=60, description="seconds between checks of a host")
    refresh_timeout: float = Field(5.0, gt=0, le=60, description="seconds a check may take")
    statement_timeout: float = Field(
        30.0, gt=0, le=3600, description="seconds that one statement may take"
    )
    idle_transaction_timeout: float = Field(
        10.0,
        ge=1,
        le=3600,
        description="seconds that a process may stand still within a transaction, holding locks, "
        "before the server ends it",
    )
    fallback_master: bool = Field(True, description="read from the primary when no replica lives")
    master_as_replica_weight: float = Field(
        0.2, ge=0, le=1, description="chance that the primary stands beside the replicas"
    )
