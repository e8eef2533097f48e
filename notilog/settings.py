"""The whole schema of settings: the core's own and every room's section."""

from collections.abc import Mapping
from pathlib import Path

from notilog import config
from notilog.agents.settings import AgentsSettings
from notilog.bot.settings import BotSettings
from notilog.calendar.reminders import RemindersSettings
from notilog.config import Section, Settings
from notilog.db.settings import DatabaseSettings
from notilog.health.settings import HealthSettings
from notilog.incidents.settings import IncidentsSettings
from notilog.logs.connectors import CONNECTORS
from notilog.logs.limits import LogsSettings
from notilog.notifications.attempts import DeliveriesSettings
from notilog.notifications.channels import CHANNELS
from notilog.notifications.templates import TemplatesSettings
from notilog.observers.settings import ObserversSettings
from notilog.observers.voice.settings import VoiceSettings
from notilog.realtime.settings import SocketsSettings
from notilog.serving import ApiSettings
from notilog.users.login_attempts import LoginSettings
from notilog.users.passwords import PasswordSettings
from notilog.users.sessions import SessionSettings
from notilog.working import FlowerSettings, WorkerSettings

SECTIONS: list[type[Section]] = [
    AgentsSettings,
    ApiSettings,
    DatabaseSettings,
    FlowerSettings,
    LoginSettings,
    PasswordSettings,
    SessionSettings,
    SocketsSettings,
    RemindersSettings,
    WorkerSettings,
    HealthSettings,
    IncidentsSettings,
    DeliveriesSettings,
    TemplatesSettings,
    LogsSettings,
    *(connector.settings for connector in CONNECTORS.values()),
    ObserversSettings,
    VoiceSettings,
    BotSettings,
    *(channel.settings for channel in CHANNELS.values()),
]


def load(*, directory: Path | None = None, assumed: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this process; see `notilog.config.load`."""
    return config.load(SECTIONS, directory=directory, assumed=assumed)


def named_in(*, state: Path | None = None) -> list[str]:
    """Where settings are read from, the strongest first; see `notilog.config.named_in`."""
    return config.named_in(SECTIONS, state=state)


def unset(*, directory: Path | None = None) -> frozenset[str]:
    """The required settings that no source names; see `notilog.config.unset`."""
    return config.unset(SECTIONS, directory=directory)
