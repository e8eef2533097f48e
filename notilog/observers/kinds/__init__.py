"""Kinds of observers. One file each."""

from typing import Final

from notilog.observers.kinds import discord_voice, http_probe
from notilog.observers.kinds.kind import Kind

KINDS: Final[dict[str, Kind]] = {
    "discord_voice": discord_voice.KIND,
    "http_probe": http_probe.KIND,
}
