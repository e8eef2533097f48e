"""Every table of every room, so that the metadata is whole."""

from notilog.calendar import tables as calendar
from notilog.db.base import Row
from notilog.logs import tables as logs
from notilog.notifications import tables as notifications
from notilog.users import tables as users

ROOMS = (users, notifications, logs, calendar)
metadata = Row.metadata
