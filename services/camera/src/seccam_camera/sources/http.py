"""HTTP cameras with motion JPEG streams. Other video over HTTP is read by FFmpeg."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections import deque
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from seccam.version import __version__
from seccam_camera.sources import address, http_auth
from seccam_camera.sources.base import TIMEOUT, Capture, Source, SourceLost, SourceNotOpened, StopToken
from seccam_camera.sources.ffmpeg import Stream
from seccam_camera.sources.multipart import MultipartParser, NotMultipartError

#: A connection is lost after this many seconds without data, if the supervisor hasn't already noticed the lack of pictures.
_READ_TIMEOUT = 30.0
_REDIRECTS = 3
_CHUNK = 256 * 1024
#: Characters of an address, beside letters and digits, that are not percent-encoded; `%` keeps what is encoded already.
_SAFE = "%/:?#[]@!$&'()*+,;=~"


class MjpegStream:
    """A multipart stream of JPEGs."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._parser = MultipartParser()
        self._ready: deque[tuple[bytes, float]] = deque()

    def read(self) -> Capture:
        """The next picture; raises SourceLost."""
        while not self._ready:
            data = self._connection.read()
            now = time.monotonic()
            try:
                self._ready.extend(self._parser.feed(data, now))
            except NotMultipartError as e:
                raise SourceLost("error", f"the stream is not motion JPEG any more: {e}") from None
        picture, began = self._ready.popleft()
        return Capture(time.time() - (time.monotonic() - began), began, picture)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class _Connection:
    """A GET request and the head of its answer. A stop shuts the socket down, which interrupts blocking calls."""

    def __init__(self, parts: SplitResult, authorization: str, stop: StopToken, ca_file: str) -> None:
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file or None)
            self._client: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=TIMEOUT, context=context
            )
        else:
            self._client = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        self._stop = stop
        try:
            self._client.connect()
            self._socket: socket.socket = self._client.sock
            stop.on_stop(self._shut_down)
            headers = {"User-Agent": f"seccam/{__version__}", "Accept": "*/*"}
            if authorization:
                headers["Authorization"] = authorization
            self._client.request("GET", _path(parts), headers=headers)
            self.answer = self._client.getresponse()
            self._socket.settimeout(_READ_TIMEOUT)
        except BaseException:
            self.close()
            raise

    def read(self) -> bytes:
        """The data that has arrived, at least one byte; raises SourceLost."""
        try:
            data = self.answer.read1(_CHUNK)
        except TimeoutError:
            raise SourceLost("stalled", f"no data for {_READ_TIMEOUT:.0f} s") from None
        except (OSError, http.client.HTTPException, ValueError) as e:
            raise SourceLost("error", f"the connection broke ({type(e).__name__})") from None
        if not data:
            raise SourceLost("ended", "the camera ended the stream")
        return data

    def close(self) -> None:
        self._stop.on_stop(None)
        self._client.close()
        answer = getattr(self, "answer", None)
        if answer is not None:
            answer.close()

    def _shut_down(self) -> None:
        with contextlib.suppress(OSError):  # already closed
            self._socket.shutdown(socket.SHUT_RDWR)


def open_http(url: str, stop: StopToken, ca_file: str = "") -> Source:
    """Open the stream at this address; FFmpeg reads live video that is not motion JPEG. Raises SourceNotOpened."""
    try:
        return _open(url, stop, ca_file)
    except TimeoutError:
        raise SourceNotOpened("timeout", f"no answer within {TIMEOUT:.0f} s") from None
    except ConnectionRefusedError:
        raise SourceNotOpened("refused", "refused: nothing is listening there") from None
    except (OSError, http.client.HTTPException, ValueError) as e:  # ValueError: a malformed address or answer
        raise SourceNotOpened("error", _describe(e)) from None


def _open(url: str, stop: StopToken, ca_file: str) -> Source:
    authorization = ""
    for _ in range(_REDIRECTS + 2):  # one more for the authentication challenge
        parts = urlsplit(url)
        connection = _Connection(parts, authorization, stop, ca_file)
        answer = connection.answer
        if answer.status == http.client.OK:
            return _stream(connection) or Stream(url, stop, ca_file)
        connection.close()
        if answer.status == http.client.UNAUTHORIZED and parts.username is not None and not authorization:
            authorization = _authorization(parts, answer.headers.get_all("WWW-Authenticate") or [])
        elif answer.status in (301, 302, 303, 307, 308) and answer.headers.get("Location"):
            url, authorization = _redirected(url, answer.headers["Location"]), ""
        else:
            raise SourceNotOpened("refused", _refusal(answer.status, bool(authorization)))
    raise SourceNotOpened("refused", "too many redirects")


def _stream(connection: _Connection) -> Source | None:
    """The stream in the answer; None, and the connection closed, if it is not motion JPEG. Raises SourceNotOpened."""
    headers = connection.answer.headers
    kind = (headers.get("Content-Type") or "an unknown type").lower()
    if kind.startswith("multipart/"):
        return MjpegStream(connection)
    connection.close()
    if headers.get("Content-Length") or kind.startswith(("text/", "image/")):
        raise SourceNotOpened("error", f"sends {kind[:60]}, which is neither motion JPEG nor live video")
    return None


def _path(parts: SplitResult) -> str:
    return quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_SAFE)


def _redirected(url: str, location: str) -> str:
    """The address of a redirect, with the configured login.

    A camera may redirect only to itself: it must neither make this machine call others nor pass the login on to them.
    """
    try:
        there = address.parse(urljoin(url, quote(location.encode("latin-1"), safe=_SAFE)))
    except ValueError:
        there = None
    if there is None or there.kind != "http":
        raise SourceNotOpened("error", "redirected to an invalid HTTP address")
    old, new = urlsplit(url), urlsplit(there.target)
    if _server(new) != _server(old):
        raise SourceNotOpened("error", "redirected to another server; if that is right, set its address as the source")
    return new._replace(netloc=old.netloc).geturl()


def _server(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _authorization(parts: SplitResult, challenges: list[str]) -> str:
    """The Authorization header that answers the challenges with the address's login."""
    given = unquote(parts.username or ""), unquote(parts.password or "")
    answer = http_auth.authorization(challenges, given, _path(parts))
    if answer is None:
        raise SourceNotOpened("refused", "refused: unsupported authentication scheme")
    return answer


def _refusal(status: int, logged_in: bool) -> str:
    if status == http.client.UNAUTHORIZED:
        return "refused: wrong user or password" if logged_in else "refused: a user and password are required in the address"
    return f"refused: HTTP status {status}"


def _describe(error: Exception) -> str:
    """The error in words, without an address."""
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or type(error).__name__}"
    strerror = getattr(error, "strerror", None)
    return f"can't be reached: {strerror or type(error).__name__}"
