"""A network camera that can be made to stream, hang, break off and refuse."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from tests.brokers import free_port


class ControlledServer:
    """Produces pictures at a rate, and sends the newest to every client; slow clients miss some."""

    def __init__(self, fps: float, port: int = 0) -> None:
        self._fps = fps
        self.port = port or free_port()
        #: Connections accepted, and those of them answered.
        self.connections = self.answers = 0
        #: Pictures produced; how the newest is sent.
        self.count, self._newest = 0, b""
        self._hangs = False
        self._changed = threading.Condition()
        self._clients: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._film, daemon=True)]
        self.accept()
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def viewers(self) -> int:
        """Connections there are now."""
        with self._changed:
            return len(self._clients)

    def accept(self) -> None:
        """Listen (again)."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._run(self._listen, self._listener)

    def refuse(self) -> None:
        """Refuse connections, and cut those there are."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def hang(self) -> None:
        """Keep connections and take new ones, and send nothing on any."""
        with self._changed:
            self._hangs = True

    def go_on(self) -> None:
        """Hang no more."""
        with self._changed:
            self._hangs = False
            self._changed.notify_all()

    def cut(self) -> None:
        """Close the connections there are, in the middle of whatever they carry."""
        with self._changed:
            clients = list(self._clients)
        for client in clients:
            with contextlib.suppress(OSError):  # it may have gone by itself
                client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End all threads."""
        self._over.set()
        self.go_on()
        self.refuse()
        for thread in self._threads:
            thread.join(5)

    def _picture(self, number: int) -> bytes:
        """What is sent for the picture of this number."""
        raise NotImplementedError

    def _serve(self, client: socket.socket) -> None:
        """Answer a client until it goes; OSError is its end."""
        raise NotImplementedError

    def _await_orders(self) -> None:
        """As long as it is to hang."""
        with self._changed:
            self._changed.wait_for(lambda: not self._hangs)

    def _after(self, seen: int) -> tuple[bytes, int]:
        """The newest picture and its number, once there is one after `seen`; OSError when the server ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._over.is_set() or (self.count > seen and not self._hangs))
            if self._over.is_set():
                raise OSError("over")
            return self._newest, self.count

    def _film(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            picture = self._picture(self.count)
            with self._changed:
                self._newest, self.count = picture, self.count + 1
                self._changed.notify_all()
            due += 1 / self._fps

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed, as refuse() does
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._run(self._attend, client)

    def _attend(self, client: socket.socket) -> None:
        with self._changed:
            self._clients.add(client)
        with client, contextlib.suppress(OSError):  # clients go as they please
            self._serve(client)
        with self._changed:
            self._clients.discard(client)

    def _run(self, target: object, argument: socket.socket) -> None:
        assert callable(target)
        thread = threading.Thread(target=target, args=(argument,), daemon=True)
        thread.start()
        self._threads.append(thread)
