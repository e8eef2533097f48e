"""Whether each server that the settings name answers, what it is, and what to do if not."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

import amqp
import psycopg
import redis.asyncio as redis_client
from hasql.utils import Dsn, split_dsn
from redis.exceptions import RedisError, ResponseError

from notilog.log_output import masked

PATIENCE = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing, and the advice when it is not well."""

    what: str
    state: Literal["ok", "warning", "broken"]
    found: str
    advice: str = ""

    @property
    def line(self) -> str:
        return f"{self.what}: {self.found}" + (f"; {self.advice}" if self.advice else "")


@dataclass(frozen=True, slots=True)
class DatabaseHost:
    """A host of the database and what was found out about it; no role when it does not answer."""

    name: str
    role: Literal["primary", "replica"] | None
    finding: Finding


async def database(url: str) -> list[Finding]:
    """One finding for each host, and one more when none of them is a primary."""
    hosts = await database_hosts(url)
    findings = [host.finding for host in hosts]
    if not any(host.role == "primary" for host in hosts):
        advice = "start the primary, or correct NOTILOG_DATABASE_URL"
        found = "no primary (" + "; ".join(f"{one.what}: {one.found}" for one in findings) + ")"
        findings.append(Finding("database", "broken", found, advice))
    return findings


async def database_hosts(url: str) -> list[DatabaseHost]:
    """Every host that the URL names."""
    return await asyncio.gather(*(_database_host(dsn) for dsn in split_dsn(url)))


async def _database_host(dsn: Dsn) -> DatabaseHost:
    what = f"PostgreSQL {dsn.netloc}"
    try:
        async with await psycopg.AsyncConnection.connect(
            str(dsn), connect_timeout=PATIENCE, autocommit=True
        ) as connection:
            found = await connection.execute(
                "SELECT current_setting('server_version'), pg_is_in_recovery()"
            )
            version, is_replica = await found.fetchone() or ("", False)
    except psycopg.Error as error:
        advice = "start it, or correct NOTILOG_DATABASE_URL"
        return DatabaseHost(dsn.netloc, None, Finding(what, "broken", _brief(error), advice))
    role: Literal["primary", "replica"] = "replica" if is_replica else "primary"
    return DatabaseHost(dsn.netloc, role, Finding(what, "ok", f"{role}, version {version}"))


async def redis(url: str, *, setting: str) -> Finding:
    """Whether Redis answers and keeps what it was given; ``setting`` names it in the advice."""
    what = f"Redis {masked(url)}"
    try:
        async with redis_client.from_url(
            url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE
        ) as client:
            info = await client.info("everything")
            flushes = await _flushes(client)
    except (RedisError, OSError, ValueError) as error:
        return Finding(what, "broken", _brief(error), f"start it, or correct {setting}")
    version = f"version {info['redis_version']}"
    if not info["aof_enabled"]:
        advice = "set `appendonly yes`: log records wait there until they are stored"
        return Finding(what, "warning", f"{version}, forgets at a crash", advice)
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        advice = "set `maxmemory-policy noeviction`: log records wait there until they are stored"
        return Finding(what, "warning", f"{version}, drops keys when full", advice)
    if flushes not in {None, "always"}:
        advice = "set `appendfsync always`: log records are answered once they are in it"
        return Finding(what, "warning", f"{version}, may forget the last seconds", advice)
    return Finding(what, "ok", f"{version}, append-only file")


async def _flushes(client: redis_client.Redis) -> str | None:
    """When Redis writes its file to disk; None where it does not let us ask."""
    try:
        answer = await client.config_get("appendfsync")
    except ResponseError:
        return None
    return answer.get("appendfsync")


async def broker(url: str) -> Finding:
    """Whether the broker answers, be it Redis or RabbitMQ."""
    if urlsplit(url).scheme.startswith("redis"):
        return await redis(url, setting="NOTILOG_BROKER_URL")
    what = f"RabbitMQ {masked(url)}"
    try:
        version = await asyncio.to_thread(_amqp_version, url)
    except (OSError, amqp.AMQPError) as error:
        return Finding(what, "broken", _brief(error), "start it, or correct NOTILOG_BROKER_URL")
    return Finding(what, "ok", f"version {version}")


def _amqp_version(url: str) -> str:
    parts = urlsplit(url)
    secure = parts.scheme == "amqps"
    with amqp.Connection(
        host=f"{parts.hostname}:{parts.port or (5671 if secure else 5672)}",
        userid=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        virtual_host=unquote(parts.path[1:]) or "/",
        ssl={"context": ssl.create_default_context()} if secure else None,
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
    ) as connection:
        return str(connection.server_properties.get("version", "unknown"))


def _brief(error: Exception) -> str:
    """The first line of an error, without passwords."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return masked(lines[0])
