"""A door before a TCP server: open, shut (connections are cut, new ones refused) or frozen (nothing passes, nobody is told)."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class TcpProxy:
    """Listens on a port of its own on loopback and passes everything on, while it is open.

    With several ports it takes the first one that accepts a connection, as a Service does with the pods that are ready.
    """

    def __init__(self, *ports: int) -> None:
        self._to = ports
        self._listener: socket.socket | None = None
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._frozen = threading.Event()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self.port = 0
        self.open()
        self._pump = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._pump.start()

    def open(self) -> None:
        """Let everything through (again)."""
        self._frozen.clear()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
            self.port = int(self._listener.getsockname()[1])

    def freeze(self) -> None:
        """Let nothing through, without a word: a cable pulled, a firewall that drops."""
        self._frozen.set()

    def shut(self) -> None:
        """Cut all connections and take none."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
                self._listener = None
            for one in list(self._pairs):
                self._drop(one)

    def close(self) -> None:
        """Be gone."""
        self._end.set()
        self._pump.join()
        self.shut()

    def passed(self, one: socket.socket, data: bytes) -> bytes:
        """What of the data from this end of a connection reaches the other one: all of it."""
        return data

    def _run(self) -> None:
        while not self._end.is_set():
            if self._frozen.wait(0) or self._listener is None:
                self._end.wait(0.02)
                continue
            with self._lock, selectors.DefaultSelector() as ready:
                for one in [*self._pairs, *filter(None, [self._listener])]:
                    ready.register(one, selectors.EVENT_READ)
                for key, _ in ready.select(0.005):
                    self._serve(key.fileobj)

    def _serve(self, one: object) -> None:
        assert isinstance(one, socket.socket)
        if one is self._listener:
            self._accept(one)
        elif one in self._pairs:
            self._pass_on(one)

    def _accept(self, listener: socket.socket) -> None:
        near, _ = listener.accept()
        for port in self._to:
            with contextlib.suppress(OSError):  # the next one
                far = socket.create_connection(("127.0.0.1", port))
                self._pairs |= {near: far, far: near}
                return
        near.close()

    def _pass_on(self, one: socket.socket) -> None:
        try:
            data = one.recv(65536)
            if data:
                self._pairs[one].sendall(self.passed(one, data))
                return
        except OSError:
            pass  # gone, as at the end of the stream
        self._drop(one)

    def _drop(self, one: socket.socket) -> None:
        other = self._pairs.pop(one, None)
        for end in filter(None, (one, other)):
            self._pairs.pop(end, None)
            with contextlib.suppress(OSError):
                end.close()
