"""An HTTP MJPEG camera that stamps each picture with the time: `python -m bench.source PORT [FPS]`."""

from __future__ import annotations

import socket
import sys
import threading
import time

import numpy as np
import simplejpeg
from skimage import data, transform

from bench import stamp

WIDTH, HEIGHT = 1280, 720
_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: multipart/x-mixed-replace; boundary=picture\r\n\r\n--picture\r\n"


def pictures(count: int = stamp.NUMBERS) -> list[bytes]:
    """JPEGs of about 100 kB of a photo that moves sideways, each with its number drawn in."""
    photo = (transform.resize(data.coffee(), (HEIGHT, WIDTH), anti_aliasing=True) * 255).astype(np.uint8)
    made = []
    for number in range(count):
        picture = np.ascontiguousarray(np.roll(photo, number * 4, axis=1))
        stamp.draw(picture, number)
        made.append(simplejpeg.encode_jpeg(picture, quality=85, colorspace="RGB", colorsubsampling="420"))
    return made


class Camera:
    """Serves the newest picture to every client, as a camera does; a slow client misses some."""

    def __init__(self, fps: float) -> None:
        self._pictures = pictures()
        self._fps = fps
        self._newest = b""
        self._count = 0
        self._fresh = threading.Condition()

    def serve(self, port: int) -> None:
        """Serve until the process ends."""
        threading.Thread(target=self._film, daemon=True).start()
        with socket.create_server(("127.0.0.1", port)) as server:
            while True:
                client, _ = server.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._feed, args=(client,), daemon=True).start()

    def _film(self) -> None:
        due = time.monotonic()
        while True:
            number = self._count % stamp.NUMBERS
            data = stamp.born(self._pictures[number], number, time.monotonic_ns())
            part = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n--picture\r\n" % (len(data), data)
            with self._fresh:
                self._newest, self._count = part, self._count + 1
                self._fresh.notify_all()
            due += 1 / self._fps
            time.sleep(max(0.0, due - time.monotonic()))

    def _feed(self, client: socket.socket) -> None:
        seen = 0
        with client:
            try:
                client.recv(65536)
                client.sendall(_HEAD)
                while True:
                    part, seen = self._after(seen)
                    client.sendall(part)
            except OSError:
                return  # the client has disconnected

    def _after(self, seen: int) -> tuple[bytes, int]:
        """The newest part and its count, as soon as the count is above `seen`."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._count > seen)
            return self._newest, self._count


if __name__ == "__main__":
    Camera(float(sys.argv[2]) if len(sys.argv) > 2 else 15.0).serve(int(sys.argv[1]))
