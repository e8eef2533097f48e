"""Settings of the logs room: how much is taken at once, and how long things are remembered."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section

KIB = 1024
MIB = 1024 * KIB


class LogsSettings(Section):
    """Limits of the intake and of the search."""

    section: ClassVar[str] = "logs"

    message_bytes: int = Field(
        64 * KIB, ge=KIB, le=MIB, description="longest message, and longest stack trace"
    )
    attrs_bytes: int = Field(32 * KIB, ge=KIB, le=MIB, description="largest attrs, as JSON")
    batch_records: int = Field(5_000, ge=1, le=50_000, description="most records in one batch")
    batch_bytes: int = Field(
        MIB, ge=64 * KIB, le=16 * MIB, description="largest batch, after decompression"
    )
    backlog_batches: int = Field(
        2_000, ge=1, le=1_000_000, description="batches waiting in the broker before 503"
    )
    publish_timeout: float = Field(
        5.0, gt=0, le=60, description="seconds the broker may take to confirm a batch"
    )
    lanes: int = Field(2, ge=1, le=16, description="groups that one worker stores at the same time")
    claim_after: float = Field(
        15.0, ge=1, le=3600, description="seconds of silence after which a worker's batches move on"
    )
    remember_batches_days: int = Field(
        7, ge=1, le=365, description="days for which a repeated Idempotency-Key is recognised"
    )
    search_timeout: float = Field(10.0, gt=0, le=300, description="seconds a search may take")
