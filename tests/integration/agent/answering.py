"""A server in the place of a NotiLog, which answers as a test tells it to."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


@dataclass
class Server:
    """What was asked so far, and what comes next; every request beyond ``answers`` is accepted."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    otherwise: Answer = field(default_factory=Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def messages(self) -> list[str]:
        return [record["message"] for request in self.requests for record in request.records]


@contextmanager
def answering() -> Iterator[Server]:
    """A running server on loopback."""
    made = Server()

    class Taking(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            records = [json.loads(line) for line in gzip.decompress(body).splitlines()]
            made.requests.append(
                Request(self.path, dict(self.headers), records, self.client_address[1])
            )
            answer = made.answers.pop(0) if made.answers else made.otherwise
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

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        server.daemon_threads = True
        server.block_on_close = False
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
