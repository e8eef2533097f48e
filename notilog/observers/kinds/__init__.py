"""Kinds of observers. One file each."""

from typing import Final

from notilog.observers.kinds import http_probe
from notilog.observers.kinds.kind import Kind

KINDS: Final[dict[str, Kind]] = {
    "http_probe": http_probe.KIND,
}
