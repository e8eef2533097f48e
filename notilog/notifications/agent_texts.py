"""News of an agent in words: that it is gone or back, that a check of it fails or is well. Pure.

What is given holds agent (a name), said (offline, online, failing or ok), at and since (RFC 3339,
or None), check (a name, or empty) and detail.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from notilog.notifications.alert_texts import Described
from notilog.notifications.words import Words


def described(content: Mapping[str, Any], words: Words, timezone: str) -> Described:
    """The news in the reader's language and on their clocks."""
    zone = ZoneInfo(timezone)
    at = datetime.fromisoformat(content["at"]).astimezone(zone)
    since = content["since"] and datetime.fromisoformat(content["since"]).astimezone(zone)
    return Described(
        name=" ".join(str(content["agent"]).split()),
        origin=" ".join(str(content["check"]).split()),
        level="",
        when=f"{words.day(at)}, {at:%H:%M:%S} ({timezone})",
        news=words.agents[content["said"]].format(since=since and words.moment(since)),
        line=str(content["detail"]),
    )
