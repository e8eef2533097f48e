"""The calendar on a running platform: series across a change of clocks, mail, editors, strangers.

Ann writes the events and Ben and Cat are asked to them; Dan is a stranger to all of them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from icalendar import Calendar

from tests.acceptance.mailbox import Mail, Mailbox
from tests.acceptance.platform import Platform
from tests.servers.process import wait_until

TIMEZONES = {
    "ann": "Europe/Berlin",
    "ben": "America/New_York",
    "cat": "Asia/Kolkata",
    "dan": "UTC",
}
ZONES = ("Europe/Berlin", "America/New_York")
"""Where the clocks change twice a year, never in both in the same hour."""

AHEAD = timedelta(seconds=100)
BEFORE = timedelta(minutes=1)
LATER = timedelta(seconds=20)
LENGTH = timedelta(minutes=30)
WEEK = timedelta(weeks=1)
PUNCTUAL = 2
ROUNDS = 10

People = dict[str, httpx.Client]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Weekly:
    """A series that began before the last change of clocks, and its occurrence that comes next."""

    zone: ZoneInfo
    began: datetime
    occurrence: datetime

    @property
    def next_one(self) -> datetime:
        """A week later by the wall clock."""
        return (self.occurrence.astimezone(self.zone) + WEEK).astimezone(UTC)


@pytest.fixture(scope="module")
def people(running_platform: Platform) -> Iterator[People]:
    """Everybody's client."""
    with ExitStack() as stack:
        admin = stack.enter_context(running_platform.admin())
        for login, timezone in TIMEZONES.items():
            person = {
                "login": login,
                "name": {"first": login.title(), "last": "Tester"},
                "password": f"password of {login}",
                "email": f"{login}@example.org",
                "timezone": timezone,
            }
            assert admin.post("/users", json=person).status_code == 201
        yield {
            login: stack.enter_context(
                running_platform.client(running_platform.sign_in(login, f"password of {login}"))
            )
            for login in TIMEZONES
        }


def weekly_before(occurrence: datetime) -> Weekly:
    """A start, whole weeks of the wall clock before ``occurrence``, by clocks set otherwise."""
    for zone in map(ZoneInfo, ZONES):
        local = occurrence.astimezone(zone)
        if not is_plain(local):
            continue
        for weeks in range(10, 53):
            began = local - weeks * WEEK  # the wall clock stays, whatever the offset was then
            if began.utcoffset() != local.utcoffset() and is_plain(began):
                return Weekly(zone, began, occurrence)
    raise AssertionError("the clocks of no zone were changed within a year")


def is_plain(local: datetime) -> bool:
    """Whether the clocks show this time exactly once."""
    return local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset()


def shortly() -> datetime:
    """A whole second, a little ahead."""
    return datetime.now(UTC).replace(microsecond=0) + AHEAD


def written(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read(text: str) -> datetime:
    return datetime.fromisoformat(text)


def make_event(author: httpx.Client, name: str, start: datetime, **fields: object) -> Answer:
    event = {"name": name, "start_time": written(start), "end_time": written(start + LENGTH)}
    return answered(author.post("/events", json={**event, **fields}), 201)


def make_series(author: httpx.Client, name: str, weekly: Weekly, **fields: object) -> Answer:
    """A weekly series that Ben and Cat are asked to."""
    made = make_event(
        author,
        name,
        weekly.began,
        timezone=weekly.zone.key,
        repetition={"type": "weekly"},
        participants=["ben", "cat"],
        **fields,
    )
    assert made["asked_start"] is None
    return made


def answered(answer: httpx.Response, status: int = 200) -> Answer:
    assert answer.status_code == status, answer.text
    found: Answer = answer.json() if answer.content else {}
    return found


def agenda(client: httpx.Client, around: datetime, *logins: str) -> list[Answer]:
    """The occurrences of these people within an hour of ``around``."""
    hour = timedelta(hours=1)
    window = {"from": written(around - hour), "to": written(around + hour), "login": [*logins]}
    items: list[Answer] = answered(client.get("/events", params=window))["items"]
    return items


def times_of(items: Sequence[Answer], event: Answer) -> list[tuple[datetime, datetime]]:
    """The original start and the start of each occurrence of the event."""
    return [
        (read(item["original_start"]), read(item["start_time"]))
        for item in items
        if item["event_id"] == event["id"]
    ]


def subject(mail: Mail) -> str:
    return str(mail.message["Subject"])


def reminders_of(box: Mailbox, name: str) -> list[Mail]:
    """Their subjects begin with the event; those of other mails with what happened."""
    return [mail for mail in box.arrived() if subject(mail).startswith(f"{name} — ")]


def tidings_of(box: Mailbox, news: str, name: str) -> list[Mail]:
    return [mail for mail in box.arrived() if subject(mail).startswith(f"{news}: {name} — ")]


def received(mails: Sequence[Mail]) -> Counter[str]:
    """How many each person got, by login."""
    return Counter(
        address.removesuffix("@example.org") for mail in mails for address in mail.recipients
    )


def only_mail(box: Mailbox, news: str, name: str) -> Mail:
    """The mail with these news, once it has come."""
    wait_until(lambda: bool(tidings_of(box, news, name)), f"the arrival of {news!r}")
    (mail,) = tidings_of(box, news, name)
    return mail


def calendar_in(mail: Mail) -> Calendar:
    """What a mail programme makes buttons of."""
    (part,) = (part for part in mail.message.walk() if part.get_content_type() == "text/calendar")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    calendar = Calendar.from_ical(content)
    assert isinstance(calendar, Calendar)
    assert part.get_param("method") == calendar["METHOD"]
    return calendar


def events_in(calendar: Any) -> list[Any]:
    """Its events, untyped: what a property holds depends on its name."""
    return list(calendar.walk("VEVENT"))


def check_reminders(box: Mailbox, name: str, *logins: str, start: datetime) -> None:
    """Each of these people got one mail, in time, which says when it starts by their own clock."""
    mails = reminders_of(box, name)
    assert received(mails) == dict.fromkeys(logins, 1)
    for mail in mails:
        assert 0 <= mail.arrived - (start - BEFORE).timestamp() < PUNCTUAL, subject(mail)
        (login,) = received([mail])
        assert subject(mail).endswith(f", {start.astimezone(ZoneInfo(TIMEZONES[login])):%H:%M}")


def check_deliveries(
    admin: httpx.Client, event: Answer, *logins: str, original: datetime, start: datetime
) -> None:
    """The API tells the same, and that nothing is left to be sent."""
    query = {"event_id": event["id"], "limit": 500}
    items = answered(admin.get("/deliveries", params=query))["items"]
    assert {item["status"] for item in items} <= {"sent", "withdrawn"}
    sent = [item for item in items if (item["kind"], item["status"]) == ("reminder", "sent")]
    assert Counter(item["login"] for item in sent) == dict.fromkeys(logins, 1)
    for item in sent:
        assert (item["channel"], item["before"]) == ("email", "1m")
        assert read(item["occurrence_start"]) == original
        assert read(item["due_at"]) == start - BEFORE
        assert 0 <= item["late_ms"] < PUNCTUAL * 1000


@pytest.mark.timeout(240)
def test_series_of_last_season_remind_by_the_clocks_of_today(
    running_platform: Platform, people: People, smtp_server: Mailbox
) -> None:
    ann, ben = people["ann"], people["ben"]
    weekly = weekly_before(shortly())
    intended, later = weekly.occurrence, weekly.occurrence + LATER
    assert weekly.began.astimezone(UTC).time() != intended.time()

    reminded: Answer = {"notifications": [{"offset": "1m", "channel": "email"}]}
    kept = make_series(ann, "Kept", weekly, **reminded)
    moved = make_series(ann, "Moved", weekly, **reminded)
    dropped = make_series(ann, "Dropped", weekly, **reminded)
    declined = make_series(ann, "Declined", weekly, **reminded)
    once = f"occurrences/{written(intended)}"
    answered(
        ann.patch(
            f"/events/{moved['id']}/{once}",
            json={"start_time": written(later), "end_time": written(later + LENGTH)},
        )
    )
    answered(ann.delete(f"/events/{dropped['id']}/{once}"), 204)
    answered(
        ben.put(
            f"/events/{declined['id']}/participants/ben",
            json={"decision": "no", "occurrence": written(intended)},
        )
    )
    assert datetime.now(UTC) < intended - BEFORE, "all of this took too long to see anything"

    everybody = agenda(ann, intended, "ann", "ben", "cat")
    of_ben = agenda(ann, intended, "ben")
    next_week = agenda(ann, weekly.next_one, "ann", "ben", "cat")
    assert times_of(everybody, kept) == [(intended, intended)]
    assert times_of(everybody, moved) == [(intended, later)]
    assert times_of(everybody, dropped) == []
    assert times_of(everybody, declined) == [(intended, intended)]
    assert times_of(of_ben, kept) == [(intended, intended)]
    assert times_of(of_ben, declined) == []
    assert len(next_week) == 4

    wait_until(lambda: len(reminders_of(smtp_server, "Moved")) >= 3, "the last mail", patience=90)
    with running_platform.admin() as admin:
        wait_until(lambda: not unfinished(admin, moved), "the last mail's entry")

    # The moved ones come last, so that whatever was wrongly sent at the old time is here by now.
    check_reminders(smtp_server, "Kept", "ann", "ben", "cat", start=intended)
    check_reminders(smtp_server, "Moved", "ann", "ben", "cat", start=later)
    check_reminders(smtp_server, "Dropped", start=intended)
    check_reminders(smtp_server, "Declined", "ann", "cat", start=intended)
    guests = {"ben": 1, "cat": 1}
    for name in ("Kept", "Moved", "Dropped", "Declined"):
        changes = guests if name == "Moved" else {}
        cancellations = guests if name == "Dropped" else {}
        assert received(tidings_of(smtp_server, "Ann Tester invites you", name)) == guests
        assert received(tidings_of(smtp_server, "Changed by Ann Tester", name)) == changes
        assert received(tidings_of(smtp_server, "Cancelled by Ann Tester", name)) == cancellations
    with running_platform.admin() as admin:
        check_deliveries(admin, kept, "ann", "ben", "cat", original=intended, start=intended)
        check_deliveries(admin, moved, "ann", "ben", "cat", original=intended, start=later)
        check_deliveries(admin, dropped, original=intended, start=intended)
        check_deliveries(admin, declined, "ann", "cat", original=intended, start=intended)


def unfinished(admin: httpx.Client, event: Answer) -> list[Answer]:
    """What a mail that has just arrived may still be: noted as sent a moment later."""
    items = answered(admin.get("/deliveries", params={"event_id": event["id"]}))["items"]
    return [item for item in items if item["status"] in {"pending", "sending"}]


def test_a_mail_programme_can_follow_a_series_from_invitation_to_cancellation(
    people: People, smtp_server: Mailbox
) -> None:
    ann, name = people["ann"], "Course"
    weekly = weekly_before(shortly() + timedelta(days=1))
    first, second = weekly.occurrence, weekly.next_one
    made = make_event(
        ann,
        name,
        weekly.began,
        timezone=weekly.zone.key,
        repetition={"type": "weekly"},
        participants=["ben"],
    )
    path = f"/events/{made['id']}"

    invitation = calendar_in(only_mail(smtp_server, "Ann Tester invites you", name))
    answered(ann.delete(f"{path}/occurrences/{written(first)}"), 204)
    less = calendar_in(only_mail(smtp_server, "Cancelled by Ann Tester", name))
    moved_to = {
        "start_time": written(second + LENGTH),
        "end_time": written(second + 2 * LENGTH),
    }
    answered(ann.patch(f"{path}/occurrences/{written(second)}", json=moved_to))
    update = calendar_in(only_mail(smtp_server, "Changed by Ann Tester", name))
    answered(ann.delete(path), 204)
    wait_until(
        lambda: len(tidings_of(smtp_server, "Cancelled by Ann Tester", name)) == 2,
        "the second cancellation",
    )
    end = calendar_in(tidings_of(smtp_server, "Cancelled by Ann Tester", name)[1])

    assert [one["METHOD"] for one in (invitation, less, update, end)] == [
        *("REQUEST", "REQUEST", "REQUEST"),
        "CANCEL",
    ]
    for calendar in (invitation, less, update, end):
        whole = events_in(calendar)[0]
        assert whole["UID"] == f"{made['id']}@notilog"
        assert whole["DTSTART"].dt == weekly.began
        assert whole["RRULE"]["FREQ"] == ["WEEKLY"]
        assert whole["ORGANIZER"] == "mailto:ann@example.org"
        assert whole["ATTENDEE"] == "mailto:ben@example.org"
    assert "EXDATE" not in events_in(invitation)[0]
    for calendar in (less, update):
        assert [one.dt for one in events_in(calendar)[0]["EXDATE"].dts] == [first]
    changed = events_in(update)[1]
    assert changed["RECURRENCE-ID"].dt.astimezone(UTC) == second
    assert changed["DTSTART"].dt.astimezone(UTC) == second + LENGTH
    assert events_in(end)[0]["STATUS"] == "CANCELLED"
    assert [events_in(one)[0]["SEQUENCE"] for one in (invitation, less, update, end)] == [
        *(1, 2, 3, 4)
    ]


def test_of_two_editors_at_once_one_is_told_to_read_again_and_nothing_is_lost(
    running_platform: Platform, people: People
) -> None:
    made = make_event(people["ann"], "Draft", shortly() + timedelta(days=2))
    path = f"/events/{made['id']}"
    gate = Barrier(2)

    def edit(client: httpx.Client, known: str, change: Answer) -> httpx.Response:
        gate.wait()
        return client.patch(path, json=change, headers={"If-Match": known})

    with running_platform.admin() as admin, ThreadPoolExecutor(2) as pool:
        editors = (people["ann"], admin)
        for number in range(ROUNDS):
            before = people["ann"].get(path)
            known = before.headers["ETag"]
            changes = ({"name": f"Name {number}"}, {"description": f"Description {number}"})
            edits = [
                pool.submit(edit, client, known, change)
                for client, change in zip(editors, changes, strict=True)
            ]
            answers = [one.result() for one in edits]
            assert sorted(one.status_code for one in answers) == [200, 412]
            winner = [one.status_code for one in answers].index(200)
            after = people["ann"].get(path)
            assert after.json() == {
                **before.json(),
                **changes[winner],
                "version": before.json()["version"] + 1,
            }
            assert after.headers["ETag"] == answers[winner].headers["ETag"] != known

            loser = 1 - winner
            headers = {"If-Match": after.headers["ETag"]}
            again = answered(editors[loser].patch(path, json=changes[loser], headers=headers))
            assert {**again, **changes[0], **changes[1]} == again


def test_a_stranger_sees_of_a_private_series_only_that_the_time_is_taken(people: People) -> None:
    ann, dan = people["ann"], people["dan"]
    weekly = weekly_before(shortly() + timedelta(days=3))
    start = weekly.occurrence
    made = make_series(
        ann, "Secret surgery", weekly, visibility="private", description="Secret ward"
    )
    path = f"/events/{made['id']}"
    renamed = {"name": "Secret aftercare", "description": "Secret bed"}
    answered(ann.patch(f"{path}/occurrences/{written(start)}", json=renamed))

    hour = timedelta(hours=1)
    window = {"from": written(start - hour), "to": written(start + hour)}
    listed = dan.get("/events", params={**window, "login": "ann"})
    question = {"logins": ["ann"], "from": written(start), "duration": "15m"}
    free = dan.post("/funcs/free_time", json=question)
    none_free = dan.post(
        "/funcs/free_time",
        json={**question, "until": written(start + LENGTH)},
    )
    busy = dan.post("/funcs/busy_time", json={"logins": ["ann"], **window})
    feed = feed_of(dan, "ann")

    for answer in (listed, free, none_free, busy, feed):
        assert answer.status_code == 200, answer.text
        for secret in ("secret", made["id"], "ben", "cat"):
            assert secret not in answer.text.lower()
    (taken,) = listed.json()["items"]
    assert (read(taken["start_time"]), read(taken["end_time"])) == (start, start + LENGTH)
    assert taken["logins"] == ["ann"]
    for field in ("event_id", "author", "name", "description"):
        assert taken[field] is None
    assert read(free.json()["start"]) == start + LENGTH
    assert (none_free.json()["reason"], none_free.json()["login"]) == ("busy", "ann")
    assert busy.json()[0]["intervals"] == [
        {"start": written(start), "end": written(start + LENGTH)}
    ]
    assert starts_in(feed, "Busy", weekly.began)
    answered(dan.get(path), 404)
    answered(dan.patch(path, json={"name": "Mine"}), 404)
    answered(dan.delete(f"{path}/occurrences/{written(start)}"), 404)

    (seen,) = agenda(people["ben"], start, "ann")
    assert (seen["name"], seen["author"]) == ("Secret aftercare", "ann")
    assert starts_in(feed_of(people["ben"], "ann"), "Secret surgery", weekly.began)


def feed_of(subscriber: httpx.Client, login: str) -> httpx.Response:
    """Somebody's calendar as a programme reads it that has nothing but the address."""
    wish = {"name": "calendar programme", "scopes": ["events:feed"]}
    token = answered(subscriber.post("/tokens", json=wish), 201)["token"]
    return httpx.get(
        str(subscriber.base_url.join(f"calendars/{login}.ics")), params={"token": token}, timeout=10
    )


def starts_in(feed: httpx.Response, name: str, start: datetime) -> bool:
    """Whether the feed has a series of that name and start."""
    return any(
        (event["SUMMARY"], event["DTSTART"].dt) == (name, start) and "RRULE" in event
        for event in events_in(Calendar.from_ical(feed.content))
    )
