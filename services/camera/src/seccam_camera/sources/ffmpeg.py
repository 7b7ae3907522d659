"""Whatever FFmpeg reads, through PyAV: RTSP and other streams, and video files."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping

import av
from av.container import InputContainer

from seccam_camera import encode
from seccam_camera.sources.base import TIMEOUT, Capture, SourceLost, SourceNotOpened, StopToken

#: Packets of these codecs are JPEGs, and passed on as they are.
_JPEG_CODECS = frozenset({"mjpeg"})
#: Streams arrive by TCP (whole pictures, and no ports to be opened) and are not held back to be smoothed.
_STREAM_OPTIONS = {"rtsp_transport": "tcp", "fflags": "nobuffer", "analyzeduration": "1000000"}
#: Seconds from one picture to the next where a file doesn't say.
_PERIOD = 1 / 25

#: Seconds without a packet after which a stream is given up: short enough for a camera that came back to be seen within 10 s.
#: A read can't be interrupted, so this is how late it may heed the stop, too; it is below supervisor.RELEASE_SECONDS.
#: A stream with longer gaps than this between its packets can't be used.
_READ_TIMEOUT = 6.0
_STALLED = f"nothing came for {_READ_TIMEOUT:.0f} s"
_REFUSALS = (av.error.ConnectionRefusedError, av.error.HTTPClientError, av.error.PermissionError)


class Stream:
    """A live stream: pictures are taken when they come; how long the first may take is for its reader to say.

    FFmpeg knows the end of a picture sent in RTP by the beginning of the next one: RTSP is a frame behind, here as elsewhere.
    """

    def __init__(self, url: str, stop: StopToken) -> None:
        self._container = _open(url, _STREAM_OPTIONS)
        self._pictures = _pictures(self._container, stop)

    def read(self) -> Capture:
        """The next picture."""
        picture, _ = _next(self._pictures)
        return Capture(time.time(), time.monotonic(), picture)

    def close(self) -> None:
        """Close the connection."""
        self._container.close()


class File:
    """A video file, over and over, at its own pace."""

    def __init__(self, path: str, stop: StopToken) -> None:
        self._path, self._stop = path, stop
        self._start = time.monotonic()
        self._first: float | None = None
        self._offset, self._period = 0.0, _PERIOD
        self._rewind()

    def read(self) -> Capture:
        """The next picture, when its time has come."""
        try:
            picture, at = _next(self._pictures)
        except SourceLost as e:
            if e.cause != "ended" or self._stop.is_set():
                raise
            if self._first is None:
                raise SourceLost("error", "there is no picture in the file") from None
            self._container.close()
            self._start += self._offset + self._period
            try:
                self._rewind()
            except SourceNotOpened as e:  # it was deleted or written over while it played
                raise SourceLost("error", f"the file can't be read again: {e}") from None
            picture, at = _next(self._pictures)
        if self._first is None:
            self._first = at or 0.0
        before, self._offset = self._offset, at - self._first if at is not None else self._offset + self._period
        if self._offset > before:
            self._period = self._offset - before
        if self._stop.wait(self._start + self._offset - time.monotonic()):
            raise SourceLost("ended", "stopped")
        return Capture(time.time(), time.monotonic(), picture)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _rewind(self) -> None:
        self._container = _open(self._path, {})
        self._pictures = _pictures(self._container, self._stop)
        self._first, self._offset = None, 0.0


#: A picture as in Capture.jpeg, and its time in the stream, seconds, if it has one.
_Timed = tuple["bytes | functools.partial[bytes]", float | None]


def _open(address: str, options: Mapping[str, str]) -> InputContainer:
    """Raises SourceNotOpened; FFmpeg's own text is not used, as it repeats the address, login and all."""
    began = time.monotonic()
    try:
        # titles and the like aren't looked at, so they may be in any encoding
        container = av.open(address, options=dict(options), timeout=(TIMEOUT, _READ_TIMEOUT), metadata_errors="replace")
    except _REFUSALS as e:
        raise SourceNotOpened("refused", f"refused: {e.strerror}") from None
    except (av.error.FFmpegError, OSError) as e:
        if time.monotonic() - began >= TIMEOUT:  # whatever FFmpeg calls it
            raise SourceNotOpened("timeout", f"no answer within {TIMEOUT:.0f} s") from None
        raise SourceNotOpened("error", f"can't be opened: {e.strerror}") from None
    if not container.streams.video:
        container.close()
        raise SourceNotOpened("error", "has no video in it")
    codec: object = container.streams.video[0].codec_context  # PyAV's types don't say that it may be None
    if codec is None:
        container.close()
        raise SourceNotOpened("error", "has a video in it of a kind that is not known")
    return container


def _pictures(container: InputContainer, stop: StopToken) -> Iterator[_Timed]:
    """The pictures of the first video stream; FFmpegError at its end or fault, SourceLost at the stop."""
    stream = container.streams.video[0]
    base = float(stream.time_base or 0)
    passed_on = stream.codec_context.name in _JPEG_CODECS
    for packet in _packets(container, stream, stop):
        if passed_on:
            if packet.size:
                yield bytes(packet), None if packet.pts is None else packet.pts * base
            continue
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue  # a packet got lost on the way; the watch over the frames' age sees if nothing good comes any more
        for frame in frames:
            assert isinstance(frame, av.VideoFrame)  # of a video stream
            yield functools.partial(encode.from_picture, frame), None if frame.pts is None else frame.pts * base


def _packets(container: InputContainer, stream: av.VideoStream, stop: StopToken) -> Iterator[av.Packet[av.stream.Stream]]:
    """The packets of one stream, up to the stop: that is looked at with each of any stream, as a picture may never come."""
    asked = time.monotonic()
    for packet in container.demux():
        if stop.is_set():
            raise SourceLost("ended", "stopped")
        if time.monotonic() - asked > _READ_TIMEOUT:  # it is one that was held back until the time was up
            raise SourceLost("stalled", _STALLED)
        if packet.stream.index == stream.index:
            yield packet
        asked = time.monotonic()


def _next(pictures: Iterator[_Timed]) -> _Timed:
    """The next one; raises SourceLost."""
    try:
        return next(pictures)
    except (StopIteration, av.error.EOFError):
        raise SourceLost("ended", "the stream ended") from None
    except (av.error.ExitError, av.error.TimeoutError):
        raise SourceLost("stalled", _STALLED) from None
    except (av.error.FFmpegError, OSError) as e:
        raise SourceLost("error", f"the stream broke: {e.strerror}") from None
