"""Failed logins, counted per login and per address, so that passwords cannot be tried out.

An attempt is counted before its password is checked, and taken back when it was right: many
attempts at once are refused like many in a row.
"""

import hashlib
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import ClassVar

from pydantic import Field
from sqlalchemy import case, delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.config import Section
from notilog.errors import TooMany
from notilog.users.tables import LoginAttemptsRow


class LoginSettings(Section):
    """How many logins may fail before further ones have to wait."""

    section: ClassVar[str] = "login"

    failures_per_login: int = Field(10, ge=1, le=10_000)
    failures_per_address: int = Field(100, ge=1, le=1_000_000)
    window: float = Field(300.0, ge=1, le=86_400, description="seconds in which failures count")


async def count(tx: AsyncSession, login: str, *, address: str, now: datetime) -> None:
    """Count an attempt, which must be committed before the password is checked.

    Raises:
        TooMany: too many failed lately for this login or from this address.
    """
    settings = config.section(LoginSettings)
    limits = {
        _of_address(address): settings.failures_per_address,
        _of_login(login): settings.failures_per_login,
    }
    until = now + timedelta(seconds=settings.window)
    new = insert(LoginAttemptsRow).values(
        [{"subject": subject, "failures": 1, "window_until": until} for subject in limits]
    )
    over = LoginAttemptsRow.window_until <= now
    counted = await tx.execute(
        new.on_conflict_do_update(
            index_elements=[LoginAttemptsRow.subject],
            set_={
                "failures": case((over, 1), else_=LoginAttemptsRow.failures + 1),
                "window_until": case((over, until), else_=LoginAttemptsRow.window_until),
            },
        ).returning(
            LoginAttemptsRow.subject, LoginAttemptsRow.failures, LoginAttemptsRow.window_until
        )
    )
    waits = [row.window_until - now for row in counted if row.failures > limits[row.subject]]
    if waits:
        raise TooMany(
            "too many logins failed lately; wait before the next",
            retry_after=max(waits).total_seconds(),
        )


async def take_back(tx: AsyncSession, login: str, *, address: str) -> None:
    """The password was right: earlier failures of this login are forgiven."""
    await tx.execute(
        update(LoginAttemptsRow)
        .where(LoginAttemptsRow.subject == _of_address(address), LoginAttemptsRow.failures > 0)
        .values(failures=LoginAttemptsRow.failures - 1)
    )
    await tx.execute(delete(LoginAttemptsRow).where(LoginAttemptsRow.subject == _of_login(login)))


async def forget_expired(tx: AsyncSession, now: datetime) -> int:
    ended = await tx.execute(
        delete(LoginAttemptsRow)
        .where(LoginAttemptsRow.window_until <= now)
        .returning(LoginAttemptsRow.subject)
    )
    return len(ended.all())


def _of_login(login: str) -> str:
    """Hashed: people type passwords into the wrong field."""
    return "login:" + hashlib.sha256(login.encode()).hexdigest()


def _of_address(address: str) -> str:
    """One network for IPv6, where a single person commands a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "address:unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        parsed = ip_network((parsed, 64), strict=False).network_address
    return f"address:{parsed}"
