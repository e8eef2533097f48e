"""What an imported event had that we cannot express, kept for its export. Pure."""

from typing import Final

from notilog.calendar.ics.lines import Line, property_of
from notilog.calendar.ics.malformed import MalformedCalendar
from notilog.calendar.ics.values import text_of
from notilog.calendar.ics.vevent import TIMEZONE, VISIBILITY, address_of, alarm_offset, vevent_of
from notilog.calendar.ics.zones import Zones
from notilog.calendar.ics.lines import Component, calendars_of
