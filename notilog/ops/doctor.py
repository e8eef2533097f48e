"""`notilog doctor`: the configuration, every connection, and what to do about each fault."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import aiosmtplib
from rich.console import Console
from rich.table import Table
from rich.text import Text

from notilog import config
from notilog import settings as schema
from notilog.config import Core, Settings
from notilog.db import migrate
from notilog.errors import Unavailable
from notilog.fallbacks import ConfigurationError
from notilog.notifications.channels import CHANNELS
from notilog.notifications.channels.email import Config as EmailSettings
from notilog.ops import probes
from notilog.ops.ports import PortUnusable, check_free
from notilog.ops.probes import PATIENCE, Finding
from notilog.ops.state import holder

LITTLE_SPACE = 1 << 30
NO_SPACE = 100 << 20
COLOURS = {"ok": "green", "warning": "yellow", "broken": "bold red"}


async def examine(settings: Settings, *, state: Path, host: str, ports: list[int]) -> list[Finding]:
    """Everything that can be found out without changing anything."""
    core = settings.core
    findings = await asyncio.gather(
        probes.database(core.database_url.get_secret_value()),
        _migrations(core.database_url.get_secret_value()),
        _brokers(core),
        _smtp(settings.section(EmailSettings)),
    )
    return [
        *_configuration(settings, state),
        *(finding for group in findings for finding in group),
        *_channels(),
        *_ports(state, host, ports),
        _disk(state),
    ]


def report(findings: list[Finding], console: Console) -> bool:
    """Print the findings as a table; returns whether nothing is broken."""
    table = Table(title="NotiLog")
    for column in ("what", "state", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        state = Text(finding.state, style=COLOURS[finding.state])
        table.add_row(Text(finding.what), state, Text(finding.found), Text(finding.advice))
    console.print(table)
    return all(finding.state != "broken" for finding in findings)


def _configuration(settings: Settings, state: Path) -> Iterator[Finding]:
    yield Finding("settings", "ok", "from " + ", ".join(schema.named_in(state=state)))
    for fallback in settings.fallbacks:
        advice = f"correct it; until then it is {fallback.default}"
        yield Finding(fallback.setting, "warning", f"{fallback.value}: {fallback.reason}", advice)


async def _brokers(core: Core) -> list[Finding]:
    redis_url = core.redis_url.get_secret_value()
    findings = [await probes.redis(redis_url, setting="NOTILOG_REDIS_URL")]
    if core.broker_url is not None:
        findings.append(await probes.broker(core.broker))
    return findings


async def _migrations(url: str) -> list[Finding]:
    newest = migrate.head()
    try:
        revision = await migrate.revision(url)
    except (Unavailable, ConfigurationError):
        return []  # the database's own finding says so
    if revision == newest:
        return [Finding("migrations", "ok", f"at the newest, {newest}")]
    found = f"at {revision or 'nothing'}, the newest is {newest}"
    if revision is not None and not migrate.is_known(revision):
        advice = "use the version of NotiLog that brought it there"
        return [Finding("migrations", "broken", found, advice)]
    return [Finding("migrations", "broken", found, "run `notilog migrate`")]


async def _smtp(email: EmailSettings) -> list[Finding]:
    if not email.host:
        return []
    what = f"SMTP {email.host}:{email.port}"
    client = aiosmtplib.SMTP(
        hostname=email.host,
        port=email.port,
        username=email.username or None,
        password=email.password.get_secret_value() or None,
        use_tls=email.tls == "tls",
        start_tls=email.tls == "starttls",
        cert_bundle=email.ca_file or None,
        timeout=PATIENCE,
    )
    try:
        async with client:
            return [Finding(what, "ok", f"answers, TLS {email.tls}")]
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        advice = "correct NOTILOG_CHANNELS__EMAIL__HOST, __PORT, __TLS, __USERNAME or __PASSWORD"
        return [Finding(what, "broken", str(error) or type(error).__name__, advice)]


def _channels() -> Iterator[Finding]:
    for kind, channel in CHANNELS.items():
        missing = channel(config.section(channel.settings)).missing()
        if missing:
            advice = f"set {', '.join(missing)}, unless nobody is to be reached by {kind}"
            yield Finding(f"channel {kind}", "warning", "not configured", advice)
        else:
            yield Finding(f"channel {kind}", "ok", "configured")


def _ports(state: Path, host: str, ports: list[int]) -> Iterator[Finding]:
    if (running := holder(state)) is not None:
        yield Finding("notilog up", "ok", f"runs as process {running}")
        return
    for port in ports:
        try:
            check_free(host, port, option="another option")
        except PortUnusable:
            advice = "stop what listens there, or name another port to `notilog up`"
            yield Finding(f"port {port} of {host}", "warning", "not free", advice)
        else:
            yield Finding(f"port {port} of {host}", "ok", "free")


def _disk(state: Path) -> Finding:
    place = state.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / (1 << 30):.1f} GiB free"
    advice = "make space: when none is left, nothing can be stored"
    if free < NO_SPACE:
        return Finding(f"disk of {place}", "broken", found, advice)
    if free < LITTLE_SPACE:
        return Finding(f"disk of {place}", "warning", found, advice)
    return Finding(f"disk of {place}", "ok", found)
