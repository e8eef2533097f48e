"""Connectors: what is done with records once they are stored. One file each."""

from typing import Final

from notilog.logs.connectors import files
from notilog.logs.connectors.connector import Kind

CONNECTORS: Final[dict[str, Kind]] = {
    "files": files.KIND,
}
