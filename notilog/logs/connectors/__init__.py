"""Connectors: what is done with records once they are stored. One file each."""

from typing import Final

from notilog.logs.connectors.connector import Kind
from notilog.logs.connectors.console import OnConsole
from notilog.logs.connectors.live import Live, LiveSettings
from notilog.logs.looks import ConsoleSettings

CONNECTORS: Final[dict[str, Kind]] = {
    "console": Kind("Standard output of the worker", ConsoleSettings, OnConsole),
    "live": Kind("Those who watch records arrive", LiveSettings, Live),
}
