"""The connector ``alerts``: every stored record is looked at by the rules."""

import asyncio
from collections.abc import Sequence
from typing import Final

from notilog.logs.alerts.hits import hits_in
from notilog.logs.alerts.rulebook import Rulebook
from notilog.logs.alerts.settings import AlertsSettings
from notilog.logs.alerts.settling import RuleChanged, settle
from notilog.logs.connectors.connector import Handed, Kind

TRIES: Final = 5


class AlertsConnector:
    """Counts what matches; a batch that it failed to count is given again."""

    def __init__(self) -> None:
        self._rulebook = Rulebook()

    async def take(self, batches: Sequence[Handed]) -> None:
        """Find and count what matches; without rules nothing is even read.

        Raises:
            RuleChanged: rules change faster than records are looked at.
            NotilogError, DBAPIError: the database failed, and nothing is counted.
        """
        for tried in range(TRIES):
            book = await self._rulebook.current()
            if not book.rules:
                return
            hits = await asyncio.to_thread(hits_in, batches, book)
            if not hits:
                return
            try:
                await settle(hits, book.rules)
            except RuleChanged:
                self._rulebook.outdated()
                if tried == TRIES - 1:
                    raise
            else:
                return

    async def close(self) -> None:
        """There is nothing to let go of."""


KIND: Final = Kind("Alerts", AlertsSettings, AlertsConnector, durable=True)
