"""The page answers this computer alone, a bounded number of times at once, and closes cleanly."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from skeletonmae.errors import InputError
from skeletonmae.live import page as page_module
from skeletonmae.live.page import LivePage

STATE = {"time": 1.0, "persons": [], "answers": [], "budget": "", "ended": False}


@pytest.fixture
def page() -> Iterator[LivePage]:
    with LivePage(0) as page:
        yield page


def ask(page: LivePage, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    connection.request(method, path, headers=headers)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, body, reply.headers


def test_the_page_its_picture_and_its_state(page: LivePage) -> None:
    prefix = f"/{page.token}/"
    status, body, headers = ask(page, prefix)
    assert status == 200
    assert b"<title>skeletonmae live</title>" in body
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Python" not in headers["Server"]
    assert ask(page, prefix + "frame.jpg")[0] == 404  # none yet
    page.show(b"first", STATE)
    assert ask(page, prefix + "frame.jpg?number=1")[:2] == (200, b"first")
    assert json.loads(ask(page, prefix + "state.json?after=-1")[1]) == STATE | {"number": 1}
    page.show(b"", STATE)  # nobody needed a new picture
    assert ask(page, prefix + "frame.jpg")[1] == b"first"
    assert ask(page, prefix, "HEAD")[:2] == (200, b"")
    assert page.url == f"http://127.0.0.1:{page.port}{prefix}"


def test_a_request_for_the_next_frame_waits_for_it(page: LivePage) -> None:
    page.show(b"1", STATE)
    threading.Timer(0.05, page.show, (b"2", STATE | {"time": 2.0})).start()
    status, body, _ = ask(page, f"/{page.token}/state.json?after=1")
    assert (status, json.loads(body)["number"], json.loads(body)["time"]) == (200, 2, 2.0)


def test_a_request_does_not_wait_for_ever(page: LivePage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "WAIT_SECONDS", 0.01)
    page.show(b"1", STATE)
    assert json.loads(ask(page, f"/{page.token}/state.json?after=1")[1])["number"] == 1
    for text in ("x", "9" * 400, "-3", ""):
        assert ask(page, f"/{page.token}/state.json?after={text}")[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost", "192.168.0.2:{port}", ""]
)
def test_other_hosts_are_refused(page: LivePage, host: str) -> None:
    path = f"/{page.token}/"
    assert ask(page, path, Host=host.format(port=page.port))[0] in (400, 403)
    assert ask(page, path, Host=f"LocalHost:{page.port}")[0] == 200
    assert ask(page, path, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert ask(page, path, **{"Sec-Fetch-Site": "same-origin"})[0] == 200


def test_a_request_without_a_host_is_refused(page: LivePage) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=5) as connection:
        connection.sendall(f"GET /{page.token}/ HTTP/1.0\r\n\r\n".encode())
        assert b" 403 " in connection.recv(1000)


@pytest.mark.parametrize(
    "path",
    ["/", "/frame.jpg", "/state.json", "/{token}", "/{token}x/", "/{token}/../page.py", "/{token}/page.py",
     "/{token}//etc/passwd", "/{token}/%2e%2e/%2e%2e/etc/passwd", "/{token}/frame.jpg/", "/é/"],
)  # fmt: skip
def test_everything_else_is_not_there(page: LivePage, path: str) -> None:
    wanted = path.format(token=page.token).encode("utf-8").decode("latin-1")
    with socket.create_connection(("127.0.0.1", page.port), timeout=5) as connection:
        connection.sendall(f"GET {wanted} HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode("latin-1"))
        assert b" 404 " in connection.recv(1000)


@pytest.mark.parametrize("address", ["http://[x", "http://[{host}/{token}/"])
def test_what_is_no_address_is_said(page: LivePage, address: str) -> None:
    host = f"127.0.0.1:{page.port}"
    with socket.create_connection(("127.0.0.1", page.port), timeout=5) as connection:
        wanted = address.format(host=host, token=page.token)
        connection.sendall(f"GET {wanted} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_request_must_arrive_in_time_as_a_whole(page: LivePage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "REQUEST_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", page.port), timeout=0.02) as connection:
        for _ in range(400):  # a byte at a time, each of which arrives soon after the last
            try:
                connection.sendall(b"x")
                received = connection.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                received = b""
            assert received == b""
            break
        else:
            pytest.fail("the connection was held")
    page.show(b"1", STATE)
    assert ask(page, f"/{page.token}/frame.jpg")[0] == 200


def test_requests_on_one_connection_are_answered_one_after_the_other(page: LivePage) -> None:
    page.show(b"picture", STATE)
    text = f"GET /{page.token}/frame.jpg HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", page.port), timeout=5) as connection:
        connection.sendall((2 * text).encode()[:-1])
        received = b""
        while received.count(b"picture") < 1:
            received += connection.recv(4096)
        connection.sendall(b"\n")
        while received.count(b"picture") < 2:
            received += connection.recv(4096)
    assert received.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_nothing_can_be_changed(page: LivePage, method: str) -> None:
    assert ask(page, f"/{page.token}/", method)[0] == 501


def test_a_body_is_not_taken_for_the_next_request(page: LivePage) -> None:
    inner = f"GET /{page.token}/ HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n"
    text = f"GET /none HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nContent-Length: {len(inner)}\r\n\r\n{inner}"
    with socket.create_connection(("127.0.0.1", page.port), timeout=5) as connection:
        connection.sendall(text.encode())
        received = b""
        while part := connection.recv(4096):
            received += part
    assert received.count(b"HTTP/1.1") == 1


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MAX_CONNECTIONS", 3)
    with LivePage(0) as page:
        page.show(b"1", STATE)
        idle = [socket.create_connection(("127.0.0.1", page.port), timeout=5) for _ in range(3)]
        for connection in idle:  # each is being served
            connection.sendall(
                f"GET /{page.token}/frame.jpg HTTP/1.1\r\nHost: localhost:{page.port}\r\n\r\n".encode()
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        with socket.create_connection(("127.0.0.1", page.port), timeout=5) as fourth:
            assert fourth.recv(1000).startswith(b"HTTP/1.1 503")
        for connection in idle:
            connection.close()
        for _ in range(100):  # as soon as their threads have noticed
            if ask(page, f"/{page.token}/frame.jpg")[0] == 200:
                break
        else:
            pytest.fail("the connections were not given back")


def test_it_closes_while_somebody_waits(page: LivePage) -> None:
    page.show(b"1", STATE)
    waiting = socket.create_connection(("127.0.0.1", page.port), timeout=5)
    waiting.sendall(
        f"GET /{page.token}/state.json?after=1 HTTP/1.1\r\nHost: localhost:{page.port}\r\n\r\n".encode()
    )
    page.__exit__()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", page.port), timeout=5)
    waiting.close()
    page._server.serve_forever = lambda *_, **__: None  # type: ignore[method-assign]
    page._server.shutdown = lambda: None  # type: ignore[method-assign]  # the fixture closes it again


def test_a_port_that_is_used_is_a_message(page: LivePage) -> None:
    with pytest.raises(InputError, match=f"--port: another program uses the port; expected .*; got {page.port}"):
        LivePage(page.port)
    with pytest.raises(InputError, match="--port: the port cannot be used"):
        LivePage(70000)


def test_only_this_computer_can_connect(page: LivePage) -> None:
    assert page._server.server_address[0] == "127.0.0.1"
    assert page._server.socket.getsockname()[0] == "127.0.0.1"


def test_pictures_are_made_only_while_somebody_looks(page: LivePage) -> None:
    import time

    assert not page.is_watched(time.monotonic())
    ask(page, "/wrong/")
    assert not page.is_watched(time.monotonic())
    ask(page, f"/{page.token}/state.json?after=5")
    assert page.is_watched(time.monotonic())
    assert not page.is_watched(time.monotonic() + 60)
