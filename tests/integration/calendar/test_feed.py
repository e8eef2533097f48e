"""A feed of an old series has every exception since it began."""

from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar

from notilog.calendar import exporting, one_occurrence
from notilog.calendar.repeat.repetition import Repetition
from notilog.db.session import reading, transaction
from notilog.users.caller import Caller
from tests.integration.calendar.attendees import NOON, make

pytestmark = pytest.mark.usefixtures("database")


async def test_what_was_cancelled_long_ago_stays_cancelled(ann: Caller) -> None:
    began = NOON - timedelta(days=1200)
    event = await make(
        ann, start_time=began, repetition=Repetition(type="daily"), now=began, notifications=()
    )
    long_ago = event.start_time + timedelta(days=7)
    async with transaction() as tx:
        await one_occurrence.cancel_occurrence(
            tx, ann, event_id=event.id, original_start=long_ago, expected=None, now=NOON
        )
    async with reading() as tx:
        text = await exporting.feed(tx, ann, login="ann", now=NOON)
    calendar: Any = Calendar.from_ical(text)
    (exported,) = calendar.walk("VEVENT")
    assert f"EXDATE:{long_ago:%Y%m%dT%H%M%SZ}".encode() in text
    assert exported["DTSTART"].dt == event.start_time
