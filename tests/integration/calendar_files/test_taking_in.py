"""What other programs export is taken in as they mean it."""

import pytest

from tests.integration.calendar_files.programs import (
    agenda,
    by_another_program,
    event_of,
    imported,
    listed,
)
from tests.integration.calendar_files.series import (
    FILES,
    STANDUP,
)
from tests.integration.conftest import Person
from tests.unit.ics.samples import APPLE, GOOGLE, OUTLOOK, calendar


@pytest.mark.parametrize("name", FILES)
async def test_another_program_finds_the_same_occurrences(ann: Person, name: str) -> None:
    expected = by_another_program(FILES[name])
    assert expected
    await imported(ann, FILES[name])
    assert await agenda(ann) == expected


async def test_apple(ann: Person) -> None:
    assert await imported(ann, APPLE) == (2, 0, 0)
    found = await agenda(ann, to="2026-07-01T00:00:00Z")
    assert found == [
        ("2026-01-31T16:00:00Z", "2026-01-31T17:00:00Z", "Ужин"),
        ("2026-04-30T15:00:00Z", "2026-04-30T16:00:00Z", "Завтрак"),
        ("2026-05-30T15:00:00Z", "2026-05-30T16:00:00Z", "Завтрак"),
        ("2026-05-31T23:00:00Z", "2026-05-31T23:00:00Z", "Floating"),
        ("2026-06-02T08:00:00Z", "2026-06-02T10:00:00Z", "Floating"),
        ("2026-06-03T08:00:00Z", "2026-06-03T08:30:00Z", "Floating"),
        ("2026-06-03T23:00:00Z", "2026-06-03T23:00:00Z", "Floating"),
        ("2026-06-30T15:00:00Z", "2026-06-30T16:00:00Z", "Завтрак"),
    ]


async def test_what_a_file_says_of_an_event_is_shown(ann: Person) -> None:
    await imported(ann, GOOGLE)
    event = await event_of(ann)
    assert event["name"] == "Stand-up"
    assert event["description"] == "Agenda:\n- yesterday\n- today, tomorrow; and C:\\notes"
    assert (event["timezone"], event["visibility"]) == ("America/New_York", "private")
    assert event["participants"] == []
    assert event["notifications"] == [
        {"offset": "10m", "channel": "log"},
        {"offset": "1d", "channel": "log"},
    ]
    holiday = (await listed(ann))[-1]
    assert (holiday["all_day"], holiday["busy"]) == (True, False)
    assert (holiday["timezone"], holiday["start_time"]) == ("Europe/Paris", "2026-04-30T22:00:00Z")


async def test_outlooks_zones_are_those_that_it_means(ann: Person) -> None:
    await imported(ann, OUTLOOK)
    found = {item["name"]: item for item in await listed(ann)}
    assert {name: item["timezone"] for name, item in found.items()} == {
        "Monatliche Planung": "Europe/Berlin",
        "Sommer": "Europe/Amsterdam",
        "Custom": "Europe/Berlin",
    }
    assert found["Sommer"]["end_time"] == "2026-07-01T08:30:00Z"
    assert found["Custom"]["start_time"] == "2026-07-01T07:00:00Z"


async def test_a_start_beside_its_rule_stays_also_when_the_event_is_renamed(ann: Person) -> None:
    rule = "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3"
    await imported(ann, calendar(f"{STANDUP}\n{rule}", f"{STANDUP}\nRRULE:FREQ=WEEKLY;BYDAY=TU"))
    before = await listed(ann, to="2026-04-01T00:00:00Z")
    assert [item["start_time"][:10] for item in before] == [
        *("2026-03-02", "2026-03-02", "2026-03-03", "2026-03-10"),
        *("2026-03-17", "2026-03-24", "2026-03-31", "2026-03-31"),
    ]
    for event_id in {item["event_id"] for item in before}:
        answer = await ann.api.patch(f"events/{event_id}", json={"name": "Renamed"})
        assert answer.status_code == 200, answer.text
    after = await listed(ann, to="2026-04-01T00:00:00Z")
    assert after == [{**item, "name": "Renamed"} for item in before]
