"""What is measured of log records."""

from typing import Final

from notilog.metrics.counted import Counter, Histogram, Metric

RECORDS: Final = Counter(
    "notilog_log_records_total",
    "Records from the broker: stored, rejected, repeated, or refused for want of room.",
    ("outcome",),
)
STORED: Final = Histogram(
    "notilog_log_stored_seconds",
    "From when the broker had a batch until it was committed.",
    (),
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600),
)
HANDED: Final = Counter(
    "notilog_log_connector_batches_total",
    "Batches by connector and outcome: taken, failed, postponed or dropped.",
    ("connector", "outcome"),
)
MEASURES: Final[tuple[Metric, ...]] = (RECORDS, STORED, HANDED)
