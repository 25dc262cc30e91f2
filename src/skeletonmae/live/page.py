"""A page that shows what a camera sees and what each person does, on this computer alone."""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, parse_qs, urlsplit

from skeletonmae.errors import InputError

ADDRESS = "127.0.0.1"
HTML = Path(__file__).with_name("page.html")
MAX_CONNECTIONS = 16
"""Connections at a time; others are turned away."""
TURNED_AWAY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
WAIT_SECONDS = 1.0
"""How long a request for the next frame waits for it."""
REQUEST_SECONDS = 5.0
"""Seconds for the lines of a request, all together, so that nobody holds a connection with a byte at a time."""
IDLE_SECONDS = 5.0
"""Seconds after which a connection is closed that sends nothing."""
WATCHED_SECONDS = 3.0
"""The page counts as watched so long after a request."""
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}


class LivePage:
    """Serves the page in threads of its own.

    It listens on 127.0.0.1, so that no other computer reaches it. Its address has a random part, so that other
    users of this computer and other pages in the browser do not. It answers only requests that name this host, so
    that no other name can be made to point to it.

    Args:
        port: The port; 0 for any that is free.

    Raises:
        InputError: The port is used by another program, or may not be used.
    """

    def __init__(self, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(9)
        self._changed = threading.Condition()
        self._number = 0
        self._jpeg = b""
        self._state: dict[str, Any] = {}
        self._last_request = 0.0
        self._html = HTML.read_bytes()
        try:
            self._server = _Server((ADDRESS, port), _handler_of(self))
        except (OSError, OverflowError) as error:
            in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            problem = "another program uses the port" if in_use else f"the port cannot be used ({error})"
            expected = "another --port, or 0 for any that is free"
            raise InputError(problem, where="--port", expected=expected, got=port) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="page", daemon=True
        )

    def __enter__(self) -> LivePage:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2.0)

    @property
    def url(self) -> str:
        """Address of the page, with its random part."""
        return f"http://{ADDRESS}:{self.port}/{self.token}/"

    def is_watched(self, now: float) -> bool:
        """Whether anybody looked at the page in the last seconds; if not, no picture need be made.

        Args:
            now: `time.monotonic()`.
        """
        return now - self._last_request < WATCHED_SECONDS

    def show(self, jpeg: bytes, state: Mapping[str, Any]) -> None:
        """Show a frame.

        Args:
            jpeg: Its picture.
            state: What is written beside it.
        """
        with self._changed:
            self._number += 1
            self._jpeg = jpeg or self._jpeg
            self._state = {"number": self._number, **state}
            self._changed.notify_all()

    def _next_state(self, after: int) -> dict[str, Any]:
        """The state, as soon as it is another one than number `after`."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != after, timeout=WAIT_SECONDS)
            return self._state

    def _answer(self, path: str, query: str, now: float) -> tuple[HTTPStatus, str, bytes]:
        """Status, type and body for a path."""
        prefix, slash, name = path.removeprefix("/").partition("/")
        known = {"": "text/html; charset=utf-8", "frame.jpg": "image/jpeg", "state.json": "application/json"}
        is_own = secrets.compare_digest(prefix.encode(), self.token.encode())
        if not is_own or not slash or name not in known:
            return HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"there is no such page\n"
        self._last_request = now
        if name == "":
            return HTTPStatus.OK, known[name], self._html
        if name == "state.json":
            after = parse_qs(query).get("after", [""])[0]
            state = self._next_state(int(after) if after.isdecimal() and len(after) < 19 else -1)
            return HTTPStatus.OK, known[name], json.dumps(state).encode()
        with self._changed:
            jpeg = self._jpeg
        if not jpeg:
            return HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"there is no frame yet\n"
        return HTTPStatus.OK, known[name], jpeg


class _Server(ThreadingHTTPServer):
    """A server with a bounded number of connections, whose threads end with the program."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name != "nt"  # there it would let two programs share a port
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            with suppress(OSError):  # whoever asked may be gone
                request.settimeout(0.1)
                request.sendall(TURNED_AWAY)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no error; others are not printed over the labels either."""

    def server_bind(self) -> None:
        """Bind without asking the name server for the name of this host."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(self.allow_reuse_address))
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = ADDRESS, int(self.server_address[1])


class _Lines:
    """The lines of requests; those of one request must arrive within `REQUEST_SECONDS`.

    A time limit of the socket alone begins again with each byte.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._until = 0.0

    def begin(self) -> None:
        """A request begins, or the wait for one."""
        self._until = time.monotonic() + REQUEST_SECONDS

    def readline(self, limit: int) -> bytes:
        """Return the next line, or as much of it as `limit`; an empty one where the connection ends.

        Raises:
            TimeoutError: It did not arrive in time.
        """
        while b"\n" not in self._buffer and len(self._buffer) < limit:
            seconds = self._until - time.monotonic()
            if seconds <= 0:
                raise TimeoutError("the request took too long")
            self._connection.settimeout(seconds)
            part = self._connection.recv(4096)
            if not part:
                break
            self._buffer += part
        self._connection.settimeout(IDLE_SECONDS)  # for the answer
        end = min(self._buffer.find(b"\n") + 1 or len(self._buffer), limit)
        line, self._buffer = self._buffer[:end], self._buffer[end:]
        return line

    def close(self) -> None:
        """The handler closes what it reads from; the connection is closed by the server."""


def _split(address: str) -> SplitResult | None:
    """The parts of an address; None if it is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


def _handler_of(page: LivePage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET and HEAD."""

        protocol_version = "HTTP/1.1"
        server_version, sys_version = "skeletonmae", ""
        timeout = IDLE_SECONDS

        def setup(self) -> None:
            super().setup()
            self.rfile = _Lines(self.connection)  # type: ignore[assignment]

        def handle_one_request(self) -> None:
            cast(_Lines, self.rfile).begin()
            super().handle_one_request()

        def do_GET(self) -> None:
            self._reply(with_body=True)

        def do_HEAD(self) -> None:
            self._reply(with_body=False)

        def _reply(self, with_body: bool) -> None:
            if self._is_foreign():
                status, kind, body = HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", b"not for other hosts\n"
            elif (target := _split(self.path)) is None:
                status, kind, body = HTTPStatus.BAD_REQUEST, "text/plain; charset=utf-8", b"not an address\n"
            else:
                status, kind, body = page._answer(target.path, target.query, time.monotonic())
            self.send_response(status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if self.headers.get("Content-Length") or self.headers.get("Transfer-Encoding"):
                self.close_connection = True  # a body that is not read would be taken for the next request
                self.send_header("Connection", "close")
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def _is_foreign(self) -> bool:
            """Whether a request names another host, or comes from the page of another one."""
            hosts = self.headers.get_all("Host") or []
            own = {f"{ADDRESS}:{page.port}", f"localhost:{page.port}"}
            return (
                len(hosts) != 1
                or hosts[0].lower() not in own
                or self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
            )

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    return Handler
