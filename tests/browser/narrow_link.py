"""A slow network between a browser and the monitor: a TCP proxy with a rate and a delay."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Bytes that are on the link at once, at most: what a modem or an ingress holds.
_HELD = 1_000_000
_CHUNK = 4096


class NarrowLink:
    """Forwards connections to a port on loopback; what comes from there at `bits` a second, all with `delay` seconds each way."""

    def __init__(self, target: int, *, bits: float, delay: float) -> None:
        self._target, self._bits, self._delay = target, bits, delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._free_at = 0.0
        self._sending = threading.Lock()
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Cut everything."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                self._carry(near, far, bits=None)
                self._carry(far, near, bits=self._bits)

    def _carry(self, source: socket.socket, sink: socket.socket, *, bits: float | None) -> None:
        link: queue.Queue[tuple[float, bytes]] = queue.Queue(maxsize=_HELD // _CHUNK)

        def take() -> None:
            with suppress(OSError):
                while data := source.recv(_CHUNK):
                    due = time.monotonic()
                    if bits is not None:
                        with self._sending:  # one link for all connections
                            due = self._free_at = max(due, self._free_at) + len(data) * 8 / bits
                    link.put((due + self._delay, data))
            link.put((0.0, b""))

        def give() -> None:
            with suppress(OSError):
                while (item := link.get())[1]:
                    time.sleep(max(0.0, item[0] - time.monotonic()))
                    sink.sendall(item[1])
                sink.shutdown(socket.SHUT_WR)

        for run in (take, give):
            threading.Thread(target=run, daemon=True).start()


@contextmanager
def narrow_link(target: int, *, bits: float, delay: float) -> Iterator[NarrowLink]:
    """A link to this port that ends with the block."""
    link = NarrowLink(target, bits=bits, delay=delay)
    yield link
    link.close()
