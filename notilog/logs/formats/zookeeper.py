"""Logs of ZooKeeper: log4j with thread, class and line of the program in brackets. Pure.

``2015-07-29 17:41:44,747 - INFO  [main:QuorumPeerConfig@103] - message``
``2024-07-29 17:41:44,747 [myid:1] - WARN  [main:o.a.z.s.QuorumPeerConfig@103] - message``
"""

import re
from datetime import datetime
from typing import Final

from notilog.logs.formats.format import Defaults
from notilog.logs.formats.text import Fields, Reader, TextFormat, given, in_utc, number

_LEVELS: Final = {
    "FATAL": "critical",
    "ERROR": "error",
    "WARN": "warning",
    "INFO": "info",
    "DEBUG": "debug",
    "TRACE": "trace",
}
_BEGINS: Final = re.compile(
    r"(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?:\[myid:(?P<myid>\d{0,4})\] )?- "
    rf"(?P<level>{'|'.join(_LEVELS)}) +"
    r"\[(?P<thread>.{0,300}?):(?P<module>[^:\]\s]{1,200})@(?P<line>\d{1,8})\] - (?P<message>.*)",
    re.DOTALL,
)


def _reader(defaults: Defaults) -> Reader:
    def read(found: "re.Match[str]") -> Fields:
        return {
            "ts": in_utc(datetime.fromisoformat(found["ts"]), defaults),
            "level": _LEVELS[found["level"]],
            "module": found["module"],
            "message": found["message"],
            "attrs": given(
                thread=found["thread"], line=number(found["line"]), myid=found["myid"] or None
            ),
        }

    return read


ZOOKEEPER: Final = TextFormat("ZooKeeper (log4j)", "zookeeper", _BEGINS, _reader)
