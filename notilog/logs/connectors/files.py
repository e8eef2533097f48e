"""The connector ``files``: records as lines of files, in their project's folder."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final
from uuid import UUID

from notilog import clock, config
from notilog.errors import Unavailable
from notilog.logs.connectors.connector import Handed, Kind, NotTaken
from notilog.logs.files.settings import FilesSettings
from notilog.logs.files.writing import Unwritten, Writer


class FilesConnector:
    """Writes in a thread of its own, so that a disk that hangs holds up nobody else."""

    def __init__(self) -> None:
        self._writer = Writer(config.section(FilesSettings))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log-files")
        self._late: Future[None] | None = None
        self._written_late: set[UUID] = set()

    async def take(self, batches: Sequence[Handed]) -> None:
        """Write the batches.

        Raises:
            NotTaken: some of the files could not be written.
            Unavailable: a write that had to be given up is still at it.
        """
        if self._late is not None and not self._late.done():
            raise Unavailable("an earlier write has not ended")
        new = [batch for batch in batches if batch.id not in self._written_late]
        writing = self._thread.submit(self._write, new)
        try:
            await asyncio.wrap_future(writing)
        except asyncio.CancelledError:  # no thread can be stopped: it may well write to the end
            self._late = writing
            writing.add_done_callback(lambda done: self._note_late(done, new))
            raise
        # Who was given these again has got them now, and nobody will be a second time.
        self._written_late.difference_update(batch.id for batch in batches)

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _note_late(self, done: "Future[None]", batches: Sequence[Handed]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._written_late.update(batch.id for batch in batches)

    def _write(self, batches: Sequence[Handed]) -> None:
        records = [record for batch in batches for record in batch.records]
        try:
            self._writer.write(records, now=clock.now())
        except Unwritten as error:
            raise NotTaken(str(error), _rest(batches, set(error.places))) from error


def _rest(batches: Sequence[Handed], places: set[int]) -> list[Handed]:
    """The records at these places among those of all batches, in their batches."""
    rest, begin = [], 0
    for batch in batches:
        size = len(batch.records)
        inside = {place - begin for place in places if begin <= place < begin + size}
        if inside:
            rest.append(batch if len(inside) == size else batch.part(inside))
        begin += size
    return rest


KIND: Final = Kind("Files on disk", FilesSettings, FilesConnector, durable=True)
