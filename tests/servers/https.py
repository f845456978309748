"""The product, or any WSGI application, behind TLS on loopback: what a proxy shows to the world.

    with serving(certificate) as port:
        ...https://127.0.0.1:port...

Answers one request at a time, in a thread of its own with a database connection of its own.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.core.wsgi import get_wsgi_application
from django.db import connections


class Silent(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Not between the lines of a test run."""


class Secured(WSGIServer):
    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        connections.close_all()

    def handle_error(self, *_: Any) -> None:
        """A client that does not like our certificate hangs up: that is what such a test is about."""


@contextmanager
def serving(certificate: str, application: Any = None) -> Iterator[int]:
    """`certificate` is a PEM file with key and chain. Yields the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = make_server("127.0.0.1", 0, application or get_wsgi_application(), Secured, Silent)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
