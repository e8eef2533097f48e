"""The whole schema of settings: the core's own and every room's section."""

from pathlib import Path

from notilog import config
from notilog.config import Section, Settings
from notilog.db.pools import DatabaseSettings

SECTIONS: list[type[Section]] = [DatabaseSettings]


def load(*, directory: Path | None = None) -> Settings:
    """Read the settings of this process; see `notilog.config.load`."""
    return config.load(SECTIONS, directory=directory)
