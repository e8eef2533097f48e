"""Feeds and exports: what other programs are given."""

import pytest
from httpx import AsyncClient

from tests.integration.calendar_files.programs import (
    ICS,
    YEAR,
    agenda,
    by_another_program,
    event_of,
    feed,
    feed_token,
    imported,
    unfolded,
)
from tests.integration.calendar_files.series import (
    FILES,
    GOOGLE_IN_TOKYO,
    LATER,
    STANDUP,
)
from tests.integration.conftest import Person, SignIn
from tests.integration.planning import made, refused_fields
from tests.unit.ics.samples import APPLE, GOOGLE, OUTLOOK, calendar


async def test_an_export_has_what_no_column_expresses(ann: Person, anonymous: AsyncClient) -> None:
    await imported(ann, GOOGLE)
    before = await feed(ann, "ann", anonymous)
    lines = unfolded(before)
    assert "LOCATION:Room 5\\, 2nd floor" in lines
    assert any(line.startswith("ATTENDEE;") and "X-NUM-GUESTS=0" in line for line in lines)
    assert "UID:3kq9standup@google.com" in lines
    assert {"TRIGGER:-PT10M", "TRIGGER:-P1D"} <= set(lines)
    await imported(ann, OUTLOOK)
    await imported(ann, calendar(f"{STANDUP}\nCATEGORIES:Work,Daily\nX-OWN;A=B:kept"))
    lines = unfolded(await feed(ann, "ann", anonymous))
    for line in (
        "CATEGORIES:Work,Daily",
        "X-OWN;A=B:kept",
        "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        "X-ALT-DESC;FMTTYPE=text/html:<html><body>Reminder</body></html>",
    ):
        assert line in lines


@pytest.mark.parametrize("text", [APPLE, GOOGLE, LATER, *FILES.values()])
async def test_a_feed_taken_in_by_another_account_is_the_same_calendar(
    ann: Person, ben: Person, anonymous: AsyncClient, text: bytes | str
) -> None:
    await imported(ann, text)
    before = await agenda(ann)
    exported = await feed(ann, "ann", anonymous)
    await imported(ben, exported)
    assert await agenda(ben) == before
    await imported(ben, await feed(ben, "ben", anonymous))
    assert await agenda(ben) == before


async def test_what_was_made_here_is_taken_in_by_another_account(
    ann: Person, ben: Person, anonymous: AsyncClient
) -> None:
    start = {"start_time": "2026-03-02T09:00:00+01:00", "end_time": "2026-03-02T10:00:00+01:00"}
    for repetition in (
        {"type": "daily", "each": 3, "due_date": "2026-06-01"},
        {"type": "weekly", "weekly_days": ["mon", "sun"], "each": 2},
        {"type": "monthly_number"},
        {"type": "monthly_day_weekno", "monthly_last_week": True},
        {"type": "yearly"},
        {"type": "workday", "each": 1},
        {"type": "workday", "each": 2},
    ):
        await made(ann, **start, participants=[], repetition=repetition)
    whole_days = {"start_time": "2026-05-01", "end_time": "2026-05-03", "all_day": True}
    await made(ann, **whole_days, participants=[], repetition={"type": "monthly_number"})
    event = await event_of(ann)
    path = f"events/{event['id']}/occurrences/{event['start_time']}"
    await ann.api.patch(path, json={"name": "First"})
    await imported(ben, await feed(ann, "ann", anonymous))
    assert await agenda(ben) == await agenda(ann)


async def test_the_feed_is_what_takes_place(
    ann: Person, ben: Person, anonymous: AsyncClient
) -> None:
    series = {
        "start_time": "2026-03-02T09:00:00+01:00",
        "end_time": "2026-03-02T10:00:00+01:00",
        "repetition": {"type": "daily", "due_date": "2026-03-06"},
    }
    event = await made(ann, **series)
    path = f"events/{event['id']}"
    occurrence = f"{path}/occurrences/2026-03-0{{}}T08:00:00Z"
    moved = {"start_time": "2026-03-03T12:00:00Z", "end_time": "2026-03-03T13:00:00Z"}
    await ann.api.patch(occurrence.format(3), json={**moved, "name": "Moved"})
    await ann.api.delete(occurrence.format(4))
    declined = {"decision": "no", "occurrence": "2026-03-05T08:00:00Z"}
    await ben.api.put(f"{path}/participants/ben", json=declined)

    everything = [
        ("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z", "Planning"),
        ("2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z", "Moved"),
        ("2026-03-05T08:00:00Z", "2026-03-05T09:00:00Z", "Planning"),
        ("2026-03-06T08:00:00Z", "2026-03-06T09:00:00Z", "Planning"),
    ]
    of_ann = await feed(ann, "ann", anonymous)
    assert by_another_program(of_ann) == everything
    assert "TRIGGER:-PT15M" in unfolded(of_ann)
    assert by_another_program(await feed(ben, "ben", anonymous)) == [
        *everything[:2],
        everything[3],
    ]
    await ben.api.put(f"{path}/participants/ben", json={"decision": "no"})
    for decision in ("yes", "no"):
        again = {**declined, "decision": decision}
        assert (await ben.api.put(f"{path}/participants/ben", json=again)).status_code == 200
        left = everything[2:3] if decision == "yes" else []
        for viewer in (ann, ben):
            assert by_another_program(await feed(viewer, "ben", anonymous)) == left


@pytest.mark.parametrize(("language", "word"), [("en", "Busy"), ("ru", "Занято")])
@pytest.mark.parametrize("visibility", ["private", "busy"])
async def test_a_stranger_learns_when_the_time_is_taken_and_no_more(
    ann: Person,
    ben: Person,
    sign_in: SignIn,
    anonymous: AsyncClient,
    visibility: str,
    language: str,
    word: str,
) -> None:
    cat = await sign_in("cat", language=language)
    await imported(ann, GOOGLE_IN_TOKYO.replace("CLASS:PRIVATE", "CLASS:PRIVATE\nX-OWN:secret"))
    event = await event_of(ann)
    await ann.api.patch(
        f"events/{event['id']}",
        json={"visibility": visibility, "participants": ["ben"], "description": "a secret"},
    )
    text = await feed(cat, "ann", anonymous)
    seen = by_another_program(text)
    own = await agenda(ann)
    assert [(start, end) for start, end, _ in seen] == [(start, end) for start, end, _ in own]
    assert {name for _, _, name in seen} == {word, "Holiday"}
    lines = "\n".join(unfolded(text))
    secrets = ("Stand-up", "late", "secret", "3kq9standup", event["id"], "Room 5", "ben", "Bob")
    for secret in (
        *secrets,
        "VALARM",
        "ATTENDEE",
        "ORGANIZER",
        "DESCRIPTION",
        "CLASS:C",
        "CLASS:PR",
    ):
        assert secret not in lines
    of_ben = await feed(ben, "ann", anonymous)
    assert "SUMMARY:Stand-up" in of_ben
    assert "BEGIN:VALARM" not in of_ben


async def test_a_feed_needs_a_token_that_can_do_nothing_else(
    ann: Person, anonymous: AsyncClient
) -> None:
    await imported(ann, calendar(STANDUP))
    made_token = await feed_token(ann)
    wide = await feed_token(ann, "events:feed", "events:read")
    other = await feed_token(ann, "events:read")
    for secret, status in (
        (made_token["token"], 200),
        (wide["token"], 403),
        (other["token"], 403),
        (ann.session_id, 403),
        ("ntl_unknown", 401),
        ("", 401),
    ):
        answer = await anonymous.get("calendars/ann.ics", params={"token": secret})
        assert answer.status_code == status
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            assert "VCALENDAR" not in answer.text
    assert refused_fields(await ann.api.get("calendars/ann.ics")) == ["token"]
    unknown = await anonymous.get("calendars/zoe.ics", params={"token": made_token["token"]})
    assert unknown.status_code == 404
    bearer = {"Authorization": f"Bearer {made_token['token']}"}
    for refused in (
        await anonymous.get("events", params=YEAR, headers=bearer),
        await anonymous.post("calendars/import", content=calendar(STANDUP), headers=bearer | ICS),
    ):
        assert refused.status_code == 403
    assert (await ann.api.delete(f"tokens/{made_token['id']}")).status_code == 204
    gone = await anonymous.get("calendars/ann.ics", params={"token": made_token["token"]})
    assert gone.status_code == 401
