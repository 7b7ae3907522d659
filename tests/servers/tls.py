"""The other end of a TLS connection: it keeps what it is told, and answers nothing."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class TlsEnd:
    """A server on loopback with this certificate (a file beside its key) that hangs up after the first words."""

    def __init__(self, certificate: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        #: The first words of each connection whose client accepted the certificate and spoke.
        self.heard: list[bytes] = []
        #: Number of connections so far that have ended.
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, name="tls end", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            connection.settimeout(10)
            with connection, contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as spoken:
                if words := spoken.recv(4096):
                    self.heard.append(words)
            self.connections += 1
