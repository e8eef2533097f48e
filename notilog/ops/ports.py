"""Whether an address is free to listen on, asked before anything is started."""

import errno
import socket

from notilog.errors import NotilogError


class PortUnusable(NotilogError):
    """Nothing can listen there: it is busy, not ours, or not an address of this machine."""


def check_free(host: str, port: int, *, option: str) -> None:
    """Make sure that ``port`` of ``host`` can be listened on.

    Raises:
        PortUnusable: it cannot; the message names ``option`` as the way out.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise PortUnusable(f"--host {host} is not an address of this machine") from error
    for family, *_, address in addresses:
        try:
            _listen(family, address)
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            reason = "is busy" if busy else f"cannot be used ({error.strerror})"
            raise PortUnusable(
                f"port {port} of {host} {reason}: name another with {option}"
            ) from error


def _listen(family: int, address: tuple[object, ...]) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
