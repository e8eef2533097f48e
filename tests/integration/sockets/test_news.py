"""What the rooms tell: observers, agents, and what became of deliveries."""

import asyncio
from typing import Any
from uuid import UUID

import httpx

from notilog import clock
from notilog.db.session import transaction
from notilog.notifications import attempts, claims
from notilog.notifications.channels.channel import Recipient
from notilog.users.credentials import caller_behind
from tests.integration.agents.speaking import Platform, known
from tests.integration.decided import decide, decision, rows
from tests.integration.sockets.talking import connected, person, signed_in
from tests.integration.waiting import until

PROBE: dict[str, Any] = {
    "name": "The shop",
    "kind": "http_probe",
    "env": {"url": "https://shop.example.org/health"},
}


async def id_of(session_id: str) -> UUID:
    async with transaction() as tx:
        caller = await caller_behind(tx, session_id, now=clock.now())
    assert caller is not None
    return caller.user_id


async def test_states_of_observers_are_told(url: str, admin: str) -> None:
    bearer = {"Authorization": f"Bearer {admin}"}
    async with (
        signed_in(url, admin) as client,
        httpx.AsyncClient(base_url=f"{url}/api/v1/", headers=bearer) as api,
    ):
        await client.subscribe("observers")
        made = (await api.post("observers", json=PROBE)).json()
        (told,) = await client.data(1)
        assert (told["id"], told["state"], told["desired"]) == (made["id"], "starting", "running")
        await api.post(f"observers/{made['id']}/stop")
        (told,) = await client.data(1)
        assert (told["state"], told["desired"]) == ("stopped", "stopped")
        await api.delete(f"observers/{made['id']}")
        while (told := (await client.data(1))[-1])["state"] != "deleted":
            assert told["state"] == "stopped"
        assert told["id"] == made["id"]


async def test_what_became_of_a_delivery_is_told_to_its_person(url: str, ann: str) -> None:
    eve = await person("eve")
    async with signed_in(url, ann) as client, signed_in(url, eve) as other:
        await client.subscribe("deliveries")
        await other.subscribe("deliveries")
        await decide(decision(await id_of(ann), channel="log"))
        now = clock.now()
        async with transaction() as tx:
            found = await claims.claim(tx, "log", now=now, limit=5, late_after=claims.LEASE)
        (parcel,) = found.parcels
        assert isinstance(parcel.first.to, Recipient)
        outcome = attempts.sent(parcel.first.id, parcel.first.lease_until, now=now)
        async with transaction() as tx:
            await claims.record(tx, [outcome])
        (told,) = await client.data(1)
        (row,) = await rows()
        assert (told["id"], told["status"], told["login"]) == (str(row.id), "sent", "ann")
        assert "user_id" not in told
        assert (await other.ask(type="ping", id="p"))["type"] == "pong"
        assert other.frames == []


async def test_how_agents_are_is_told(url: str, admin: str, ann: str) -> None:
    platform = Platform(url, admin)
    async with signed_in(url, admin) as client, signed_in(url, ann) as other:
        await client.subscribe("agents")
        refused = await other.ask(type="subscribe", id="a", topic="agents")
        assert refused["code"] == "forbidden"
        token = await asyncio.to_thread(platform.token)
        async with known(platform, token) as (_, welcome):
            (told,) = await client.data(1)
            assert (told["id"], told["name"]) == (welcome["agent_id"], "web-1")
            path = f"agents/{told['id']}"
            await asyncio.to_thread(platform.asked, "PATCH", path, json={"name": "shop"})
            (told,) = await client.data(1)
            assert told["name"] == "shop"
        await asyncio.to_thread(platform.asked, "DELETE", path)
        (told,) = await client.data(1)
        assert (told["id"], told["state"]) == (welcome["agent_id"], "deleted")


async def test_sockets_are_measured(url: str, admin: str) -> None:
    bearer = {"Authorization": f"Bearer {admin}"}
    async with (
        signed_in(url, admin) as client,
        httpx.AsyncClient(base_url=f"{url}/api/v1/", headers=bearer) as api,
    ):
        await client.subscribe("user")
        async with connected(url) as stranger:
            await stranger.send(type="nobody")
            assert await stranger.code() == 4400

        async def are_shown() -> bool:
            text = (await api.get("metrics")).text
            return all(
                line in text
                for line in (
                    'notilog_sockets{of="people"} 1.0',
                    'notilog_socket_subscriptions{topic="user"} 1.0',
                    'notilog_socket_frames_total{direction="heard"} 1.0',
                    'notilog_socket_frames_total{direction="told"} 2.0',
                    'notilog_socket_closed_total{code="4400"} 1.0',
                )
            )

        await until(are_shown)
