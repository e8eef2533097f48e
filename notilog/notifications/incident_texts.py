"""An incident in words: what it is about, since when, and what became of it. Pure.

What is given holds source (agent or alert), about (what the texts of that source are made of),
said (opened, again, resolved or quiet), at and since (RFC 3339), step, and by (a login, or None).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from notilog.notifications import agent_texts, alert_texts
from notilog.notifications.alert_texts import Described
from notilog.notifications.words import Words

SOURCES: Final[dict[str, Callable[[Mapping[str, Any], Words, str], Described]]] = {
    "agent": agent_texts.described,
    "alert": alert_texts.described,
}
"""What puts into words what an incident is about."""


def described(content: Mapping[str, Any], words: Words, timezone: str) -> Described:
    """The news of the incident in the reader's language and on their clocks."""
    zone = ZoneInfo(timezone)
    told = SOURCES[content["source"]](content["about"], words, timezone)
    if content["said"] == "opened":
        return told
    at = datetime.fromisoformat(content["at"]).astimezone(zone)
    since = datetime.fromisoformat(content["since"]).astimezone(zone)
    is_by_somebody = content["said"] == "resolved" and content["by"]
    said = words.incidents["resolved_by" if is_by_somebody else content["said"]].format(
        since=words.moment(since), step=content["step"], by=content["by"]
    )
    return replace(
        told,
        when=f"{words.day(at)}, {at:%H:%M:%S} ({timezone})",
        news=". ".join(part for part in (told.news, said) if part),
    )
