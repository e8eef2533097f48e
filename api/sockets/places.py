"""How many agents may be connected to this process at once, known ones and ones yet unknown."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.sockets import frames
from api.sockets.frames import Closing
from notilog import config
from notilog.agents.settings import AgentsSettings


class Places:
    """The places of one process."""

    def __init__(self) -> None:
        self._all = 0
        self._unknown = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A place for a connection, for as long as it lasts.

        Raises:
            Closing: all are taken.
        """
        if self._all >= config.section(AgentsSettings).sockets:
            raise Closing(frames.TRY_LATER, "too many agents are connected to this node; try later")
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1

    @contextmanager
    def unknown(self) -> Iterator[None]:
        """A place to say who one is.

        Raises:
            Closing: too many are about to.
        """
        if self._unknown >= config.section(AgentsSettings).sockets_unknown:
            raise Closing(frames.TRY_LATER, "too many agents are connecting just now; try later")
        self._unknown += 1
        try:
            yield
        finally:
            self._unknown -= 1
