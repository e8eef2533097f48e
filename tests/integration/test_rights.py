"""Every endpoint, asked by nobody, by a user, by a narrow token and by an administrator."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import APIRoute
from httpx import AsyncClient

from api.main import ROUTERS
from tests.integration.conftest import Person

SOME_ID = "01890000-0000-7000-8000-000000000000"

USER = {"login": "new", "name": {"first": "New", "last": "One"}}
OBSERVER = {"name": "Site", "kind": "http_probe", "env": {"url": "https://example.org"}}
TOKEN = {"name": "narrow", "scopes": ["agents:connect"]}
EVENT = {
    "name": "Talk",
    "start_time": "2030-01-01T10:00:00Z",
    "end_time": "2030-01-01T11:00:00Z",
    "notifications": [],
    "participants": [],
}
FILE = b"""BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
DTSTART:20300101T100000Z
END:VEVENT
END:VCALENDAR
"""
RECORD = {"level": "info", "project": "shop", "module": "cart", "message": "sold"}
ME = {"logins": ["admin"], "from": "2030-01-01T00:00:00Z"}
YEAR = "from=2030-01-01T00:00:00Z&to=2030-12-31T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint and its answer to nobody, a user, a token without its scope, an administrator."""

    method: str
    path: str
    answers: tuple[int, int, int, int]
    body: Any = None
    query: str = ""


ENDPOINTS = [
    Endpoint("POST", "/users", (401, 403, 403, 201), USER),
    Endpoint("GET", "/users", (401, 200, 200, 200)),
    Endpoint("GET", "/users/{login}", (401, 200, 200, 200)),
    Endpoint("PATCH", "/users/{login}", (401, 200, 403, 200), {"language": "ru"}),
    Endpoint("GET", "/users/{login}/preferences", (401, 200, 200, 200)),
    Endpoint("PATCH", "/users/{login}/preferences", (401, 200, 403, 200), {"digest_minutes": 5}),
    Endpoint("POST", "/users/{login}/preferences/test", (401, 202, 403, 202), {"channel": "log"}),
    Endpoint("POST", "/sessions", (401, 401, 401, 401), {"login": "x", "password": "y"}),
    Endpoint("GET", "/sessions/current", (401, 200, 200, 200)),
    Endpoint("DELETE", "/sessions/current", (401, 204, 403, 204)),
    Endpoint("POST", "/tokens", (401, 201, 201, 201), TOKEN),
    Endpoint("GET", "/tokens", (401, 200, 403, 200)),
    Endpoint("DELETE", "/tokens/{token_id}", (401, 404, 403, 404)),
    Endpoint("POST", "/events", (401, 201, 403, 201), EVENT),
    Endpoint("GET", "/events", (401, 200, 403, 200), query=YEAR),
    Endpoint("GET", "/events/{event_id}", (401, 404, 403, 404)),
    Endpoint("PATCH", "/events/{event_id}", (401, 404, 403, 404), {"name": "Other"}),
    Endpoint("DELETE", "/events/{event_id}", (401, 404, 403, 404)),
    Endpoint(
        "PUT",
        "/events/{event_id}/participants/{login}",
        (401, 404, 403, 404),
        {"decision": "yes"},
    ),
    Endpoint(
        "PATCH",
        "/events/{event_id}/occurrences/{original_start}",
        (401, 404, 403, 404),
        {"name": "Other"},
    ),
    Endpoint("DELETE", "/events/{event_id}/occurrences/{original_start}", (401, 404, 403, 404)),
    Endpoint("GET", "/calendars/{login}.ics", (401, 403, 403, 403), query="token={secret}"),
    Endpoint("POST", "/calendars/import", (401, 200, 403, 200), FILE),
    Endpoint("POST", "/funcs/free_time", (401, 200, 403, 200), {**ME, "duration": "1h"}),
    Endpoint(
        "POST", "/funcs/busy_time", (401, 200, 403, 200), {**ME, "to": "2030-01-02T00:00:00Z"}
    ),
    Endpoint("GET", "/deliveries", (401, 200, 403, 200)),
    Endpoint("POST", "/deliveries/{delivery_id}/retry", (401, 404, 403, 404)),
    Endpoint("GET", "/channels", (401, 200, 200, 200)),
    Endpoint("POST", "/channels/{kind}/test", (401, 403, 403, 200), {"to": "ann"}),
    Endpoint("POST", "/channels/telegram/link", (401, 409, 403, 409)),
    Endpoint("POST", "/logs", (401, 202, 403, 202), RECORD),
    Endpoint("GET", "/logs/files", (401, 200, 403, 200)),
    Endpoint("GET", "/logs/files/{name:path}", (401, 404, 403, 404)),
    Endpoint("GET", "/logs", (401, 200, 403, 200)),
    Endpoint("DELETE", "/logs", (401, 403, 403, 200), query="project=shop"),
    Endpoint("GET", "/logs/histogram", (401, 200, 403, 200)),
    Endpoint("GET", "/logs/facets", (401, 200, 403, 200)),
    Endpoint("GET", "/logs/{record_id}", (401, 404, 403, 404)),
    Endpoint("GET", "/logs/{record_id}/edits", (401, 403, 403, 200)),
    Endpoint("PATCH", "/logs/{record_id}", (401, 403, 403, 404), {"level": "info"}),
    Endpoint("DELETE", "/logs/{record_id}", (401, 403, 403, 404)),
    Endpoint("GET", "/log", (401, 200, 403, 200)),
    Endpoint("GET", "/log/by_count", (401, 200, 403, 200), query="count=5"),
    Endpoint("GET", "/log/by_dates", (401, 200, 403, 200), query=YEAR),
    Endpoint("GET", "/log/by_level", (401, 200, 403, 200), query="level=error"),
    Endpoint("GET", "/log/by_module", (401, 200, 403, 200), query="module=cart"),
    Endpoint("GET", "/log/by_project", (401, 200, 403, 200), query="project=shop"),
    Endpoint("POST", "/log", (401, 403, 403, 404), {"id": SOME_ID, "level": "info"}),
    Endpoint("DELETE", "/log", (401, 403, 403, 404), query=f"id={SOME_ID}"),
    Endpoint("GET", "/observer_kinds", (401, 403, 403, 200)),
    Endpoint("POST", "/observers", (401, 403, 403, 201), OBSERVER),
    Endpoint("GET", "/observers", (401, 403, 403, 200)),
    Endpoint("GET", "/observers/{observer_id}", (401, 403, 403, 404)),
    Endpoint("PATCH", "/observers/{observer_id}", (401, 403, 403, 404), {"name": "Other"}),
    Endpoint("DELETE", "/observers/{observer_id}", (401, 403, 403, 404)),
    Endpoint("POST", "/observers/{observer_id}/start", (401, 403, 403, 404)),
    Endpoint("POST", "/observers/{observer_id}/stop", (401, 403, 403, 404)),
    Endpoint("GET", "/status", (401, 403, 403, 200)),
    Endpoint("POST", "/create", (401, 403, 403, 200), OBSERVER),
    Endpoint("POST", "/delete", (401, 403, 403, 200), {"id": SOME_ID}),
    Endpoint("POST", "/delite", (401, 403, 403, 200), {"id": SOME_ID}),
    Endpoint("POST", "/alert_rules", (401, 201, 403, 201), {"name": "Any"}),
    Endpoint("GET", "/alert_rules", (401, 200, 403, 200)),
    Endpoint("POST", "/alert_rules/test", (401, 200, 403, 200), {"min_level": "error"}),
    Endpoint("GET", "/alert_rules/{rule_id}", (401, 404, 403, 404)),
    Endpoint("PATCH", "/alert_rules/{rule_id}", (401, 404, 403, 404), {"enabled": False}),
    Endpoint("DELETE", "/alert_rules/{rule_id}", (401, 404, 403, 404)),
    Endpoint("POST", "/alert_rules/{rule_id}/test", (401, 404, 403, 404), {}),
    Endpoint("GET", "/observers/{observer_id}/actions", (401, 403, 403, 404)),
    Endpoint("GET", "/observers/{observer_id}/voice_sessions", (401, 403, 403, 404)),
    Endpoint("GET", "/observers/{observer_id}/stats", (401, 403, 403, 404)),
    Endpoint("GET", "/observers/{observer_id}/stats/leaderboard", (401, 403, 403, 404)),
    Endpoint("GET", "/observers/{observer_id}/stats/heatmap", (401, 403, 403, 404)),
    Endpoint("GET", "/voice_members/{member_id}", (401, 403, 403, 200)),
    Endpoint("DELETE", "/voice_members/{member_id}", (401, 403, 403, 200)),
    Endpoint("GET", "/voice_opt_outs/{member_id}", (401, 403, 403, 404)),
    Endpoint("PUT", "/voice_opt_outs/{member_id}", (401, 403, 403, 200)),
    Endpoint("DELETE", "/voice_opt_outs/{member_id}", (401, 403, 403, 404)),
    Endpoint("POST", "/agents/enrolments", (401, 403, 403, 201)),
    Endpoint("GET", "/agents", (401, 403, 403, 200)),
    Endpoint("GET", "/agents/{agent_id}", (401, 403, 403, 404)),
    Endpoint("PATCH", "/agents/{agent_id}", (401, 403, 403, 404), {"name": "Other"}),
    Endpoint("DELETE", "/agents/{agent_id}", (401, 403, 403, 404)),
    Endpoint("GET", "/agents/{agent_id}/history", (401, 403, 403, 404)),
    Endpoint("GET", "/incidents", (401, 200, 403, 200)),
    Endpoint("GET", "/incidents/{incident_id}", (401, 404, 403, 404)),
    Endpoint("GET", "/incidents/{incident_id}/history", (401, 404, 403, 404)),
    Endpoint("POST", "/incidents/{incident_id}/acknowledge", (401, 404, 403, 404)),
    Endpoint("POST", "/incidents/{incident_id}/silence", (401, 404, 403, 404), {"until": None}),
    Endpoint("POST", "/incidents/{incident_id}/resolve", (401, 404, 403, 404)),
    Endpoint("GET", "/health/live", (200, 200, 200, 200)),
    Endpoint("GET", "/health/ready", (200, 200, 200, 200)),
    Endpoint("GET", "/metrics", (401, 403, 403, 200)),
    Endpoint("GET", "/health", (401, 403, 403, 200)),
]


def test_no_endpoint_is_left_out() -> None:
    offered = {
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert offered == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
async def test_each_caller_gets_what_is_theirs(
    endpoint: Endpoint, anonymous: AsyncClient, ann: Person, admin: Person
) -> None:
    narrow = (await ann.api.post("tokens", json=TOKEN)).json()["token"]
    answers = [
        await _asked(endpoint, anonymous, login="ann"),
        await _asked(endpoint, ann.api, login="ann"),
        await _asked(endpoint, anonymous, login="ann", token=narrow),
        await _asked(endpoint, admin.api, login="admin"),
    ]
    assert tuple(answers) == endpoint.answers


async def _asked(
    endpoint: Endpoint, client: AsyncClient, *, login: str, token: str | None = None
) -> int:
    path = endpoint.path.removeprefix("/").replace("{login}", login).replace("{kind}", "log")
    path = path.replace("{original_start}", "2030-01-01T10:00:00Z")
    path = path.replace("{member_id}", "1152921504606846976")
    path = re.sub(r"\{\w+_id\}", SOME_ID, path)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    bearer = headers.get("Authorization") or client.headers.get("Authorization", "nobody")
    query = endpoint.query.replace("{secret}", bearer.removeprefix("Bearer "))
    is_file = isinstance(endpoint.body, bytes)
    answer = await client.request(
        endpoint.method,
        f"{path}?{query}",
        content=endpoint.body if is_file else None,
        json=None if is_file else endpoint.body,
        headers=headers,
    )
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code
