"""The hosts of the database as this process sees them, and how much of its pools is in use."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from notilog import config
from notilog.db.session import pools
from notilog.db.settings import DatabaseSettings
from notilog.health.judging import Host


def seen() -> list[Host]:
    """Every host that the settings name, by what the checks of this process found out last."""
    overflow = config.section(DatabaseSettings).pool_max_overflow
    return [
        Host(pool.host, pool.role and pool.role.value, pool.used, pool.max + overflow)
        for pool in pools().metrics().pools
    ]


def told(hosts: Iterable[Host]) -> list[dict[str, Any]]:
    """The same for a sign of life."""
    return [asdict(host) for host in hosts]


def heard(detail: Mapping[str, Any]) -> list[Host]:
    """What a sign of life said, perhaps of a process of another version."""
    return [
        Host(host["name"], host.get("role"), host.get("used", 0), host.get("most", 0))
        for host in detail.get("hosts", ())
    ]
