"""Connectors: what is done with records once they are stored. One file each."""

from typing import Final

from notilog.logs.connectors import alerts, console, files, live
from notilog.logs.connectors.connector import Kind

CONNECTORS: Final[dict[str, Kind]] = {
    "alerts": alerts.KIND,
    "console": console.KIND,
    "files": files.KIND,
    "live": live.KIND,
}
