"""The socket of agents: enrolled and authenticated, heard, told what to do, and closed."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.integration.agents.speaking import ABOUT, Platform, connected, known, soon

FILES = {"files": [{"path": "/var/log/*.log", "project": "web", "module": "nginx"}]}


async def test_a_code_enrols_one_agent_once(platform: Platform) -> None:
    code = platform.asked("POST", "agents/enrolments")["code"]
    async with connected(platform) as agent:
        await agent.say("enrol", code=code, protocol=1, agent=ABOUT)
        enrolled = await agent.hear()
        welcome = await agent.hear()
    assert enrolled["type"] == "enrolled"
    assert welcome["type"] == "welcome"
    assert welcome["agent_id"] == enrolled["agent_id"]
    assert welcome["heartbeat_seconds"] == 1
    assert welcome["settings_version"] == 1
    assert welcome["settings"] == {
        "files": [],
        "journald": None,
        "checks": [],
        "check_seconds": 15.0,
    }
    async with known(platform, enrolled["token"]) as (_, again):
        assert again["agent_id"] == enrolled["agent_id"]
    (shown,) = platform.asked("GET", "agents")["items"]
    assert (shown["name"], shown["system"], shown["state"]) == ("web-1", "Linux 6.1", "online")
    async with connected(platform) as agent:
        await agent.say("enrol", code=code, protocol=1, agent=ABOUT)
        assert (await agent.closed())[0] == 4401


REFUSED: list[tuple[Any, int]] = [
    ({"type": "auth", "token": "ntl_wrong", "protocol": 1, "agent": ABOUT}, 4401),
    ({"type": "auth", "token": "", "protocol": 1, "agent": ABOUT}, 4401),
    ({"type": "auth", "token": "ntl_wrong", "protocol": 2, "agent": ABOUT}, 4400),
    ({"type": "auth", "token": "ntl_wrong", "protocol": 1, "agent": {"name": ""}}, 4400),
    ({"type": "enrol", "code": "nte_wrong", "protocol": 1, "agent": ABOUT}, 4401),
    ({"type": "heartbeat", "at": "2026-01-01T00:00:00Z"}, 4400),
    ({"type": "none"}, 4400),
    ([], 4400),
]


async def test_a_wrong_first_frame_is_refused(platform: Platform) -> None:
    for frame, code in REFUSED:
        async with connected(platform) as agent:
            await agent.socket.send_str(json.dumps(frame))
            closed, reason = await agent.closed()
        assert closed == code, frame
        assert reason
        assert "wrong" not in reason


async def test_tokens_need_the_right_and_sessions_are_none(platform: Platform) -> None:
    for secret, code in ((platform.token("logs:write"), 4403), (platform.session_id, 4401)):
        async with connected(platform) as agent:
            await agent.say("auth", token=secret, protocol=1, agent=ABOUT)
            assert (await agent.closed())[0] == code


async def test_heartbeats_are_heard_and_shown(platform: Platform) -> None:
    check = {"name": "nginx", "kind": "process", "ok": True, "detail": "pid 812"}
    async with known(platform, platform.token()) as (agent, welcome):
        await agent.beat(
            settings_version=1,
            metrics={"cpu": 0.31, "disk": {"/": 0.71}, "boot_time": "2026-01-01T00:00:00Z"},
            checks=[check],
            spool={"batches": 1, "bytes": 20, "dropped": 0},
            files=[{"path": "/var/log/a.log", "offset": 123, "lag": 0}],
        )
        assert (await agent.hear())["type"] == "heard"
        shown = platform.asked("GET", f"agents/{welcome['agent_id']}")
    (listed,) = platform.asked("GET", "agents")["items"]
    assert listed["failing"] == shown["failing"] == 0
    assert not {"settings", "metrics", "checks", "spool", "files"} & listed.keys()
    assert shown["metrics"]["cpu"] == 0.31
    assert shown["checks"][0]["detail"] == "pid 812"
    assert shown["spool"]["bytes"] == 20
    assert shown["files"][0]["offset"] == 123
    assert shown["applied_version"] == 1
    assert 0 <= shown["heartbeat_age"] < 10


async def test_changed_settings_are_pushed_and_a_refusal_is_shown(platform: Platform) -> None:
    async with known(platform, platform.token()) as (agent, welcome):
        path = f"agents/{welcome['agent_id']}"
        platform.asked("PATCH", path, json={"settings": FILES})
        pushed = await agent.hear()
        assert (pushed["type"], pushed["version"]) == ("settings", 2)
        assert pushed["settings"]["files"][0]["level"] == "info"
        errors = [{"field": "files.0.path", "reason": "there is none"}]
        await agent.say("settings_refused", version=2, errors=errors)
        await soon(lambda: platform.asked("GET", path)["refusal"] == errors, "the refusal")
        platform.asked("PATCH", path, json={"settings": {**FILES, "heartbeat_seconds": 2}})
        assert (await agent.closed())[0] == 1012


async def test_a_second_connection_closes_the_first(platform: Platform) -> None:
    token = platform.token()
    async with known(platform, token) as (first, _), known(platform, token) as (second, _):
        assert (await first.closed())[0] == 4409
        await second.beat()
        assert (await second.hear())["type"] == "heard"


async def test_changes_of_its_version_are_remembered_once_a_minute(platform: Platform) -> None:
    token = platform.token()
    for version in ("1", "2", "3"):
        async with connected(platform) as agent:
            welcome = await agent.auth(token, agent={**ABOUT, "version": version})
    path = f"agents/{welcome['agent_id']}"
    assert platform.asked("GET", path)["program"] == "3"
    items = platform.asked("GET", f"{path}/history")["items"]
    versions = [item for item in items if item["what"] == "version"]
    assert [(one["before"], one["after"]) for one in versions] == [("1", "2")]


@pytest.fixture
def few_places(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_AGENTS__SOCKETS", "2")
    environment.setenv("NOTILOG_AGENTS__SOCKETS_UNKNOWN", "2")


async def test_there_are_so_many_places_on_a_node(few_places: None, platform: Platform) -> None:
    tokens = [platform.token() for _ in range(3)]
    async with connected(platform), connected(platform) as second:
        async with connected(platform) as third:
            code, reason = await third.closed()
        assert (code, "at the same time" in reason) == (1013, True)
        await second.auth(tokens[0])
        async with known(platform, tokens[1]):
            async with connected(platform) as fourth:
                await fourth.say("auth", token=tokens[2], protocol=1, agent=ABOUT)
                code, reason = await fourth.closed()
            assert (code, "as many" in reason) == (1013, True)
        async with known(platform, tokens[2]) as (agent, _):  # one has gone
            await agent.beat()
            assert (await agent.hear())["type"] == "heard"


async def test_deleted_or_revoked_it_is_closed(platform: Platform) -> None:
    token = platform.token()
    async with known(platform, token) as (agent, welcome):
        platform.asked("DELETE", f"agents/{welcome['agent_id']}")
        assert (await agent.closed())[0] == 4404
    async with connected(platform) as agent:
        await agent.say("auth", token=token, protocol=1, agent=ABOUT)
        assert (await agent.closed())[0] == 4401
    async with known(platform, platform.token()) as (agent, _):
        (one,) = platform.asked("GET", "tokens")["items"]
        platform.asked("DELETE", f"tokens/{one['id']}")
        assert (await agent.closed())[0] == 4401


async def test_malformed_too_large_and_too_fast(platform: Platform) -> None:
    token = platform.token()
    async with known(platform, token) as (agent, _):
        await agent.socket.send_str("{")
        assert (await agent.closed())[0] == 4400
    async with known(platform, token) as (agent, _):
        await agent.socket.send_bytes(b"short")
        assert (await agent.closed())[0] == 4400
    async with known(platform, token) as (agent, _):
        await agent.beat(checks=[{"name": "a\0", "kind": "port", "ok": True}])
        assert (await agent.closed())[0] == 4400
    for beat in (
        {"files": [{"path": f"/{'x' * 500}/{number}"} for number in range(150)]},
        {"checks": [{"name": f"{number}", "kind": "port", "ok": True} for number in range(201)]},
    ):
        async with known(platform, token) as (agent, _):
            await agent.beat(**beat)
            assert (await agent.closed())[0] == 4400
    async with known(platform, token) as (agent, _):
        await agent.socket.send_bytes(bytes(2 * 2**20 + 1))
        assert (await agent.closed())[0] == 1009
    async with known(platform, token) as (agent, _):
        for _ in range(100):
            await agent.beat()
        assert (await agent.closed())[0] == 4429


async def test_only_the_socket_is_upgraded(platform: Platform) -> None:
    async with aiohttp.ClientSession() as client:
        for path in ("/ws/none", "/api/v1/agents"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect(platform.url + path)
            assert refused.value.status == 403
        async with client.ws_connect(f"{platform.url}/api/v1/ws/agent") as socket:
            await socket.ping(b"there?")
            await socket.send_str("x")
            message = await socket.receive(10)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4400)
    wrong = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(f"{platform.url}/ws/agent", headers=wrong)
    assert answer.status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
FRAMES = st.one_of(
    st.text(),
    st.binary(),
    JSON.map(json.dumps),
    st.dictionaries(
        st.sampled_from(["at", "metrics", "checks", "spool", "files", "version", "errors"]), JSON
    ).flatmap(
        lambda fields: st.sampled_from(["heartbeat", "settings_refused", "auth"]).map(
            lambda kind: json.dumps({"type": kind, **fields})
        )
    ),
)


@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(frames=st.lists(FRAMES, min_size=1, max_size=4))
def _fuzz(platform: Platform, token: str, frames: list[str | bytes]) -> None:
    async def speak() -> None:
        async with known(platform, token) as (agent, _):
            with suppress(aiohttp.ClientError, ConnectionError):  # it was closed meanwhile
                for frame in frames:
                    if isinstance(frame, bytes):
                        await agent.socket.send_bytes(frame)
                    else:
                        await agent.socket.send_str(frame)
                await agent.socket.send_str("{}")
            code, _reason = await agent.closed()
            assert code == 4400

    asyncio.run(speak())


def test_whatever_it_says_the_platform_answers_or_closes(platform: Platform) -> None:
    _fuzz(platform, platform.token())
    assert httpx.get(f"{platform.url}/health/live").status_code == 200
