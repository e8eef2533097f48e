"""Time zones by the names that other programs give them."""

from zoneinfo import ZoneInfo

import pytest

from notilog.calendar.ics.malformed import MalformedCalendar
from notilog.calendar.ics.reading import read
from notilog.calendar.ics.vtimezone import vtimezone_lines
from notilog.calendar.ics.zones import zone_like
from tests.unit.ics.samples import BERLIN_ZONE, calendar

UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ('"Russian Standard Time"', "Europe/Moscow"),
        ("/mozilla.org/20050126_1/Europe/Berlin", "Europe/Berlin"),
        ("/x/Olson_20011030_5/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("/citadel.org/20190914_1/UTC", "UTC"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("(GMT+01.00) Sarajevo/Warsaw/Zagreb", None),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "Asia/Kolkata"),
        ("(UTC) Coordinated Universal Time", "UTC"),
        ("(UTC+09:00) Berlin", None),
        ("Home", None),
        ("localtime", None),
        ("/" * 199, None),
        ("", None),
    ],
)
def test_names(name: str, key: str | None) -> None:
    zone = zone_like(name)
    assert (zone and zone.key) == key


def zone_of(vtimezone: str) -> str:
    zone = f"BEGIN:VTIMEZONE\nTZID:Mine\n{vtimezone}END:VTIMEZONE\nBEGIN:VEVENT".encode()
    text = calendar("DTSTART;TZID=Mine:20260601T080000").replace(b"BEGIN:VEVENT", zone)
    return read(text, floating=UTC_ZONE)[0].timezone


@pytest.mark.parametrize(
    "key",
    [
        *("Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "UTC"),
        *("Australia/Lord_Howe", "Africa/Casablanca", "Asia/Katmandu", "Pacific/Chatham"),
    ],
)
def test_a_zone_is_found_by_its_offsets(key: str) -> None:
    lines = vtimezone_lines(key, 2020)[2:-1]
    assert zone_of("\n".join(lines) + "\n") == key


def test_a_location_beside_offsets() -> None:
    assert zone_of(f"X-LIC-LOCATION:Europe/Vienna\n{BERLIN_ZONE}") == "Europe/Vienna"
    assert zone_of(f"X-LIC-LOCATION:Nowhere\n{BERLIN_ZONE}") == "Europe/Berlin"


@pytest.mark.parametrize(
    "vtimezone",
    [
        "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0107\nTZOFFSETTO:+0107\nEND:STANDARD\n",
        "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
        "BEGIN:STANDARD\nDTSTART:x\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nEND:STANDARD\n",
        BERLIN_ZONE.replace("YEARLY", "HOURLY"),
        BERLIN_ZONE.replace("+0200", "200"),
        "",
    ],
)
def test_a_zone_that_is_like_no_other_is_refused(vtimezone: str) -> None:
    with pytest.raises(MalformedCalendar):
        zone_of(vtimezone)


def test_one_file_does_not_name_the_zones_of_the_next() -> None:
    assert zone_of(BERLIN_ZONE) == "Europe/Berlin"
    with pytest.raises(MalformedCalendar, match='line 5: unknown time zone "Mine"'):
        read(calendar("DTSTART;TZID=Mine:20260601T080000"), floating=UTC_ZONE)
