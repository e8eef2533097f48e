"""What the machine itself is like: its name, its load, its memory, its disks."""

import os
import platform
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import psutil

from notilog import __version__

_MOST_DISKS: Final = 50
_LONGEST_PATH: Final = 200
_PERCENT: Final = 100


def itself() -> dict[str, str]:
    """Who the agent says it is."""
    return {
        "name": socket.gethostname(),
        "version": __version__,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def metrics() -> dict[str, Any]:
    """Shares from 0 to 1 of what is used, and a few numbers; may wait for a slow disk.

    What this machine does not tell is left out.
    """
    found = {}
    for name, measure in MEASURES.items():
        with suppress(OSError, psutil.Error):
            found[name] = measure()
    return found


def _booted() -> str:
    booted = datetime.fromtimestamp(psutil.boot_time(), UTC)
    return booted.isoformat(timespec="seconds").replace("+00:00", "Z")


def _disks() -> dict[str, float]:
    mounted = ["/", *(part.mountpoint for part in psutil.disk_partitions(all=False))]
    used = {}
    for path in list(dict.fromkeys(mounted))[:_MOST_DISKS]:
        if len(path) > _LONGEST_PATH:
            continue
        with suppress(OSError):
            used[path] = _share(psutil.disk_usage(path).percent)
    return used


def _share(percent: float) -> float:
    return round(min(max(percent / _PERCENT, 0.0), 1.0), 4)


MEASURES: Final[dict[str, Callable[[], Any]]] = {
    "cpu": lambda: _share(psutil.cpu_percent(interval=None)),
    "load1": lambda: round(os.getloadavg()[0], 2),
    "memory": lambda: _share(psutil.virtual_memory().percent),
    "swap": lambda: _share(psutil.swap_memory().percent),
    "disk": _disks,
    "boot_time": _booted,
    "processes": lambda: len(psutil.pids()),
}
