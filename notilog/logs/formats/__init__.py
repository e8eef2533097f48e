"""The formats of log files of other programs, one file each; their names are what imports name."""

from collections.abc import Sequence
from typing import Final

from notilog.logs.formats.apache import APACHE
from notilog.logs.formats.format import Format
from notilog.logs.formats.ndjson import NDJSON
from notilog.logs.formats.openstack import OPENSTACK
from notilog.logs.formats.syslog import SYSLOG
from notilog.logs.formats.zookeeper import ZOOKEEPER

FORMATS: dict[str, Format] = {
    "apache": APACHE,
    "syslog": SYSLOG,
    "openstack": OPENSTACK,
    "zookeeper": ZOOKEEPER,
    "json": NDJSON,
    "ndjson": NDJSON,
}

_ENOUGH: Final = 0.5


def recognised(lines: Sequence[str]) -> str | None:
    """The name of the format that most of a file's first lines have, if more than half of them."""
    scores = {name: format_.recognises(lines) for name, format_ in FORMATS.items()}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > _ENOUGH else None
