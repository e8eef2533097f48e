"""What is measured of observers."""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.metrics.counted import Counter, Histogram, Metric
from notilog.observers.tables import ObserverRow

RESTARTS: Final = Counter(
    "notilog_observer_restarts_total", "How often an observer that failed was tried again.", ()
)
EVENTS: Final = Counter(
    "notilog_observer_events_total",
    "What observers heard: written, or lost to an overflow.",
    ("outcome",),
)
WRITTEN: Final = Histogram(
    "notilog_observer_written_seconds",
    "From when an event was heard until it was committed.",
    (),
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
BUFFER: Final = Histogram(
    "notilog_observer_buffer_fill",
    "How full the buffer was when some of it was written; 1 is full.",
    (),
    (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1),
)
MEASURES: Final[tuple[Metric, ...]] = (RESTARTS, EVENTS, WRITTEN, BUFFER)


async def by_state(tx: AsyncSession) -> dict[str, int]:
    """How many observers are in each state."""
    found = await tx.execute(
        select(ObserverRow.state, func.count().label("observers")).group_by(ObserverRow.state)
    )
    return {str(row.state): row.observers for row in found}


async def oldest_heartbeat(tx: AsyncSession) -> float:
    """Seconds since the heartbeat that is the longest ago, of those that shall run; 0 for none."""
    beaten_at = func.coalesce(ObserverRow.heartbeat_at, ObserverRow.created_at)
    age = func.extract("epoch", func.now() - func.min(beaten_at))
    statement = select(age).where(ObserverRow.desired == "running", ObserverRow.state != "failed")
    return float(await tx.scalar(statement) or 0.0)
