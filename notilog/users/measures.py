"""What is measured of people: how their logins end."""

from typing import Final

from notilog.metrics.counted import Counter, Metric

LOGINS: Final = Counter(
    "notilog_logins_total",
    "Logins by what came of them: signed_in, wrong, or too_many when none was tried.",
    ("outcome",),
)
MEASURES: Final[tuple[Metric, ...]] = (LOGINS,)
