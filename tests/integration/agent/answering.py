"""A server in the place of a NotiLog, which answers as a test tells it to."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from ssl import SSLContext
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 202
    body: bytes = b'{"rejected": []}'
    headers: dict[str, str] = field(default_factory=dict)
    hang: threading.Event | None = None
    """The answer is not given before this is set."""


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: dict[str, str]
    records: list[dict[str, Any]]
    connection: int

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]


class Taking(BaseHTTPRequestHandler):
    """Keeps a request and gives the next answer."""

    protocol_version = "HTTP/1.1"
    told: "Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        records = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        answer = self.told.answers.pop(0) if self.told.answers else self.told.otherwise
        self.told.requests.append(
            Request(self.path, dict(self.headers), records, self.client_address[1])
        )
        if answer.hang is not None:
            answer.hang.wait()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


class Listening(ThreadingHTTPServer):
    """Knows its connections, to end them with itself; one that breaks is no news."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, taking: type[Taking]) -> None:
        self.connections: list[socket] = []
        super().__init__(("127.0.0.1", port), taking)

    def get_request(self) -> tuple[socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def handle_error(self, *_arguments: object) -> None:
        """Nothing."""


@dataclass
class Server:
    """What was asked so far, and what comes next; every request beyond ``answers`` is accepted."""

    url: str = ""
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    otherwise: Answer = field(default_factory=Answer)
    running: ExitStack = field(default_factory=ExitStack)

    @property
    def messages(self) -> list[str]:
        return [record["message"] for request in self.requests for record in request.records]

    def stop(self) -> None:
        """Listen no more, and end every connection."""
        self.running.close()


@contextmanager
def answering(*, port: int = 0, tls: SSLContext | None = None) -> Iterator[Server]:
    """A running server on loopback."""
    made = Server()
    listening = Listening(port, type("Told", (Taking,), {"told": made}))
    made.port = listening.server_port
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{made.port}"
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
    thread.start()
    made.running.callback(_end, listening, thread)
    with made.running:
        yield made


def _end(listening: Listening, thread: threading.Thread) -> None:
    listening.shutdown()
    thread.join()
    listening.server_close()
    for connection in listening.connections:
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)
