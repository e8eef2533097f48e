"""Time zones by their names in the IANA database, the same for people and for events. Pure."""

from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

# Files beside the zones, which name none.
_NOT_ZONES: Final = frozenset({"localtime", "posixrules", "Factory"})


def zone_named(name: str) -> ZoneInfo:
    """The zone of that name of the IANA database.

    Raises:
        ValueError: there is none.
    """
    if name not in _known_zones():
        raise ValueError("must be a zone of the IANA database, such as Europe/Paris")
    return ZoneInfo(name)


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_ZONES
