"""Connectors: what is done with records once they are stored. One file each."""

from typing import Final

from notilog.logs.connectors import alerts, files
from notilog.logs.connectors.connector import Kind

CONNECTORS: Final[dict[str, Kind]] = {
    "alerts": alerts.KIND,
    "files": files.KIND,
}
