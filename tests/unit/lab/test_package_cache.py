"""Whether the package cache that answers also serves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from provisioner.lab.package_cache import probe_uri, refusal_of
from provisioner.lab.package_sources import PackageSource

URI = "http://deb.example/debian/dists/bookworm/InRelease"


@contextmanager
def cache(status: int, reason: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the port of a proxy that answers so, and what it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status, reason)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 as inherited

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "reason", "want"),
    [
        (200, "OK", ""),
        # People met this of a cache whose folder was gone with another checkout.
        (500, "Cache Error", "500 Cache Error"),
        # Its source is not there: what is in the cache it serves.
        (503, "Connection timeout", ""),
    ],
)
def test_a_cache_that_answers_need_not_serve(status: int, reason: str, want: str) -> None:
    with cache(status, reason) as (port, asked):
        assert refusal_of("127.0.0.1", port, URI) == want
        assert asked == [URI]


def test_nobody_serves_where_nobody_listens() -> None:
    with cache(200, "OK") as (port, _):
        pass
    assert "no answer" in refusal_of("127.0.0.1", port, URI)


def test_a_file_of_the_release_that_labs_run_is_asked_for() -> None:
    main = PackageSource("http://deb.example/debian", "", ("main",))
    security = PackageSource("https://deb.example/security", "-security", ("main",))
    assert probe_uri([main, security]) == URI
    secure = "http://HTTPS///deb.example/security/dists/bookworm-security/InRelease"
    assert probe_uri([security]) == secure


def test_where_the_machine_has_no_sources_the_cache_is_asked_for_its_own_page() -> None:
    assert probe_uri([]).startswith("http://")
    assert probe_uri([]).endswith(":3142/acng-report.html")
