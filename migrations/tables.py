"""Every table of every room, so that the metadata is whole."""

from notilog.agents import tables as agents
from notilog.bot import tables as bot
from notilog.calendar import tables as calendar
from notilog.db.base import Row
from notilog.health import tables as health
from notilog.incidents import tables as incidents
from notilog.leases import tables as leases
from notilog.logs import tables as logs
from notilog.logs.alerts import tables as alerts
from notilog.metrics import tables as metrics
from notilog.notifications import tables as notifications
from notilog.observers import tables as observers
from notilog.observers.voice import tables as voice
from notilog.users import tables as users

ROOMS = (
    users,
    leases,
    health,
    metrics,
    notifications,
    incidents,
    logs,
    alerts,
    calendar,
    observers,
    voice,
    agents,
    bot,
)
metadata = Row.metadata
