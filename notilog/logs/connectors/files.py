"""The connector ``files``: records as lines of files, in their project's folder."""

import asyncio
from collections.abc import Sequence

from notilog import clock, config
from notilog.logs.connectors.connector import Handed, Kind
from notilog.logs.files.settings import FilesSettings
from notilog.logs.files.writing import Writer


class FilesConnector:
    """Writes in threads; what could not be written is given again, and may then stand twice."""

    durable = True

    def __init__(self) -> None:
        self._writer = Writer(config.section(FilesSettings))

    async def take(self, batches: Sequence[Handed]) -> None:
        await asyncio.to_thread(self._write, batches)

    async def close(self) -> None:
        """Nothing stays open between batches."""

    def _write(self, batches: Sequence[Handed]) -> None:
        records = [record for batch in batches for record in batch.records]
        self._writer.write(records, now=clock.now())


KIND = Kind("Files on disk", FilesSettings, FilesConnector)
