"""What is measured of deliveries."""

from typing import Final

from notilog.metrics.counted import Counter, Histogram, Metric

LATENESS: Final = Histogram(
    "notilog_delivery_lateness_seconds",
    "From when a delivery was to leave until it had arrived.",
    ("channel",),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600),
)
DURATION: Final = Histogram(
    "notilog_delivery_duration_seconds",
    "How long one attempt to send took.",
    ("channel",),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
OUTCOMES: Final = Counter(
    "notilog_deliveries_total",
    "Attempts by what became of the delivery: sent, retried, throttled, dead or missed.",
    ("channel", "outcome"),
)
MEASURES: Final[tuple[Metric, ...]] = (LATENESS, DURATION, OUTCOMES)


def attempted(channel: str, *, outcome: str, seconds: float, late: float | None = None) -> None:
    """Count one attempt: how long it took and, when it arrived, how late that was."""
    OUTCOMES.add(channel, outcome)
    DURATION.observe(seconds, channel)
    if late is not None:
        LATENESS.observe(late, channel)
