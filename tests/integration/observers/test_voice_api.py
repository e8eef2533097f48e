"""What was recorded of voice channels over REST."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest

from notilog import clock
from notilog.observers.voice import exporting
from tests.integration.conftest import Person
from tests.integration.observers.voices import (
    ANNA,
    ATTIC,
    BEN,
    GUILD,
    HALL,
    NOON,
    after,
    anna,
    guild,
    observer,
    recording,
    state,
)
from tests.integration.planning import refused_fields


@pytest.fixture
async def recorded(admin: Person) -> UUID:
    """An observer that saw Anna go from the hall to the attic, and Ben stay in the hall."""
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.guild(guild(), NOON)
        recorder.voice(state(member=anna(display_name="=Anna")), after(0))
        recorder.voice(state(BEN), after(30))
        recorder.voice(state(self_mute=True), after(60))
        recorder.voice(state(channel_id=ATTIC), after(120))
        recorder.voice(state(channel_id=None), after(240))
    return observer_id


async def asked(by: Person, path: str, /, **query: Any) -> Any:
    answer = await by.api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_actions_are_listed_newest_first(admin: Person, recorded: UUID) -> None:
    path = f"observers/{recorded}/actions"
    first = await asked(admin, path, limit=4)
    rest = await asked(admin, path, limit=4, cursor=first["next"])
    assert rest["next"] is None
    items = [*first["items"], *rest["items"]]
    assert [item["kind"] for item in items] == [
        *("leave", "self_unmute", "move", "self_mute", "join", "join")
    ]
    assert {name: items[2][name] for name in items[2] if name not in {"id", "at"}} == {
        "kind": "move",
        "estimated": False,
        "guild_id": str(GUILD),
        "guild_name": "Home",
        "member_id": str(ANNA),
        "member_name": "=Anna",
        "before": {"channel_id": str(HALL), "channel_name": "Hall", "flags": ["self_mute"]},
        "after": {"channel_id": str(ATTIC), "channel_name": "Attic", "flags": []},
    }
    of_attic = await asked(admin, path, channel=str(ATTIC), member=str(ANNA))
    assert [item["kind"] for item in of_attic["items"]] == ["leave", "self_unmute", "move"]
    window = {"from": after(30).isoformat(), "to": after(120).isoformat()}
    assert [item["kind"] for item in (await asked(admin, path, **window))["items"]] == [
        "self_mute",
        "join",
    ]
    assert (await asked(admin, path, guild="5"))["items"] == []


async def test_sessions_are_those_that_touch_the_time(admin: Person, recorded: UUID) -> None:
    path = f"observers/{recorded}/voice_sessions"
    found = (await asked(admin, path))["items"]
    assert [(one["member_id"], one["channel_name"], one["end_reason"]) for one in found] == [
        (str(ANNA), "Attic", "left"),
        (str(BEN), "Hall", None),
        (str(ANNA), "Hall", "moved"),
    ]
    assert found[0]["started_at"] == "2026-11-20T12:02:00Z"
    window = {"from": after(121).isoformat()}
    assert len((await asked(admin, path, **window, member=str(ANNA)))["items"]) == 1
    assert len((await asked(admin, path, channel=str(HALL)))["items"]) == 2
    assert len((await asked(admin, path, to=after(30).isoformat()))["items"]) == 1


@pytest.mark.parametrize("by_header", [True, False])
async def test_csv_has_all_pages_and_no_formulas(
    admin: Person,
    recorded: UUID,
    monkeypatch: pytest.MonkeyPatch,
    by_header: bool,  # noqa: FBT001  a parameter of the table
) -> None:
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    headers = {"Accept": "text/csv"} if by_header else {}
    params = {"limit": 1} if by_header else {"format": "csv"}
    for kind, count in (("actions", 6), ("voice_sessions", 3)):
        path = f"observers/{recorded}/{kind}"
        answer = await admin.api.get(path, headers=headers, params=params)
        assert answer.headers["content-type"].startswith("text/csv")
        assert "attachment" in answer.headers["content-disposition"]
        rows = list(csv.DictReader(StringIO(answer.text, newline="")))
        assert len(rows) == count
        assert rows[0]["member_name"] == "'=Anna"
        assert rows[0]["guild_id"] == str(GUILD)
    assert rows[0]["started_at"] == "2026-11-20T12:02:00+00:00"
    assert rows[1]["ended_at"] == ""
    as_json = await admin.api.get(path, headers=headers, params={"format": "json"})
    assert as_json.json()["items"]


async def test_stats_are_by_member_channel_and_hour(admin: Person, recorded: UUID) -> None:
    path = f"observers/{recorded}/stats"
    window = {"from": NOON.isoformat(), "to": after(3600).isoformat()}
    members = await asked(admin, path, **window, member=str(ANNA))
    assert members == {
        "from": "2026-11-20T12:00:00Z",
        "to": "2026-11-20T13:00:00Z",
        "timezone": "UTC",
        "by": "member",
        "items": [
            {
                "member_id": str(ANNA),
                "name": "anna",
                "display_name": "=Anna",
                "is_bot": False,
                "seconds": 240.0,
                "sessions": 2,
            }
        ],
    }
    quiet = await asked(admin, path, **window, member=str(ANNA), without="muted")
    assert quiet["items"][0]["seconds"] == 180.0
    channels = await asked(admin, path, **window, by="channel", member=str(ANNA))
    assert [(one["name"], one["seconds"]) for one in channels["items"]] == [
        ("Hall", 120.0),
        ("Attic", 120.0),
    ]
    hours = await asked(admin, path, **window, by="hour", timezone="Asia/Kolkata", member=str(ANNA))
    assert hours["items"] == [{"start": "2026-11-20T11:30:00Z", "seconds": 240.0}]
    week = await asked(
        admin, f"{path}/heatmap", **window, timezone="Asia/Kolkata", member=str(ANNA)
    )
    assert week["cells"] == [{"weekday": 5, "hour": 17, "seconds": 240.0}]


@pytest.mark.parametrize("period", ["day", "week", "month", "all"])
async def test_a_leaderboard_is_of_a_period(admin: Person, recorded: UUID, period: str) -> None:
    path = f"observers/{recorded}/stats/leaderboard"
    board = await asked(admin, path, period=period, at=after(300).isoformat(), member=str(ANNA))
    assert [(one["member_id"], one["seconds"]) for one in board["items"]] == [(str(ANNA), 240.0)]
    later = clock.now() + timedelta(days=60)
    board = await asked(admin, path, period=period, at=later.isoformat(), member=str(ANNA))
    assert len(board["items"]) == (period == "all")


@pytest.mark.parametrize(
    ("path", "query", "refused"),
    [
        ("actions", {"member": "1x"}, ["member"]),
        ("actions", {"member": str(2**63)}, ["member"]),
        ("voice_sessions", {"cursor": "?"}, ["cursor"]),
        ("voice_sessions", {"from": NOON.isoformat(), "to": NOON.isoformat()}, ["query"]),
        ("stats", {"timezone": "Mars/North"}, ["timezone"]),
        ("stats", {"by": "hour", "from": "2001-01-01T00:00:00Z"}, ["from"]),
        ("stats", {"without": "cats"}, ["without.0"]),
        ("stats/leaderboard", {"period": "year"}, ["period"]),
        ("stats/heatmap", {"colour": "red"}, ["colour"]),
    ],
)
async def test_what_is_wrong_is_named(
    admin: Person, recorded: UUID, path: str, query: dict[str, str], refused: list[str]
) -> None:
    answer = await admin.api.get(f"observers/{recorded}/{path}", params=query)
    assert refused_fields(answer) == refused


async def test_everything_of_a_member_is_exported_and_erased(admin: Person, recorded: UUID) -> None:
    path = f"voice_members/{ANNA}"
    known = await asked(admin, path)
    assert [one["display_name"] for one in known["names"]] == ["=Anna"]
    assert [len(one["intervals"]) for one in known["sessions"]] == [1, 0]
    assert known["sessions"][0]["observer_id"] == str(recorded)
    assert known["sessions"][0]["intervals"][0] == {
        "kind": "self_mute",
        "started_at": "2026-11-20T12:01:00Z",
        "ended_at": "2026-11-20T12:02:00Z",
    }
    assert [one["kind"] for one in known["actions"]] == [
        *("join", "self_mute", "move", "self_unmute", "leave")
    ]
    assert known["actions"][0]["after"]["channel_id"] == str(HALL)
    assert (await admin.api.delete(path)).json() == {"rows": 8}
    assert await asked(admin, path) == {
        "member_id": str(ANNA),
        "opted_out_since": None,
        "names": [],
        "sessions": [],
        "actions": [],
    }


async def test_a_member_opts_out_and_in(admin: Person, recorded: UUID) -> None:
    path = f"voice_opt_outs/{ANNA}"
    assert (await admin.api.get(path)).status_code == 404
    out = (await admin.api.put(path)).json()
    assert out["member_id"] == str(ANNA)
    assert (await admin.api.put(path)).json() == out
    assert await asked(admin, path) == out
    known = await asked(admin, f"voice_members/{ANNA}")
    assert (known["sessions"], known["opted_out_since"]) == ([], out["since"])
    assert (await admin.api.delete(path)).status_code == 204
    assert (await admin.api.delete(path)).status_code == 404


@pytest.mark.parametrize("path", ["actions", "voice_sessions", "stats", "stats/heatmap"])
@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Pacific/Apia"])
async def test_windows_may_be_far_away(admin: Person, recorded: UUID, path: str, zone: str) -> None:
    of_stats = {"timezone": zone, "without": "muted"} if "stats" in path else {}
    first, last = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
    for window in ({"from": first}, {"to": first}, {"from": last}, {"to": last}):
        await asked(admin, f"observers/{recorded}/{path}", **window, **of_stats)
    for at in (first, last):
        for period in ("day", "month", "all"):
            query = {"at": at, "period": period, "timezone": zone}
            await asked(admin, f"observers/{recorded}/stats/leaderboard", **query)
