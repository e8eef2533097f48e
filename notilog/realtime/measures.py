"""What is measured of sockets."""

from typing import Final

from notilog.metrics.counted import Counter, Metric

FRAMES: Final = Counter(
    "notilog_socket_frames_total", "Frames of people's sockets: heard, told.", ("direction",)
)
CLOSED: Final = Counter(
    "notilog_socket_closed_total",
    "Sockets of people and agents that NotiLog closed, by code.",
    ("code",),
)
MEASURES: Final[tuple[Metric, ...]] = (FRAMES, CLOSED)
