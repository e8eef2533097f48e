"""The whole schema of settings: the core's own and every room's section."""

from pathlib import Path

from notilog import config
from notilog.config import Section, Settings
from notilog.db.pools import DatabaseSettings
from notilog.notifications.channels import CHANNELS

SECTIONS: list[type[Section]] = [
    DatabaseSettings,
    *(channel.settings for channel in CHANNELS.values()),
]


def load(*, directory: Path | None = None) -> Settings:
    """Read the settings of this process; see `notilog.config.load`."""
    return config.load(SECTIONS, directory=directory)
