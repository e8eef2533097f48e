"""What is measured of alerts."""

from typing import Final

from notilog.metrics.counted import Counter, Histogram, Metric

DECIDED: Final = Histogram(
    "notilog_alert_seconds",
    "From when the broker had a batch until the message about it was decided.",
    (),
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600),
)
MATCHES: Final = Counter(
    "notilog_alert_matches_total", "Records that matched a rule, counted for each rule.", ()
)
MESSAGES: Final = Counter(
    "notilog_alert_messages_total",
    "What rules had to say, whomever they told: matched, more, missing or back.",
    ("said",),
)
ALERT_MEASURES: Final[tuple[Metric, ...]] = (DECIDED, MATCHES, MESSAGES)
