"""Sources that FFmpeg reads, through PyAV: RTSP and other streams, and video files."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Iterator, Mapping

import av
from av.container import InputContainer

from seccam import jpeg
from seccam_camera import encode
from seccam_camera.sources.base import TIMEOUT, Capture, SourceLost, SourceNotOpened, StopToken

#: Packets of these codecs are JPEGs, and are passed on unchanged.
_JPEG_CODECS = frozenset({"mjpeg"})
#: Formats of one file or stream each, by FFmpeg's names. Not those that name other files or addresses (HLS, DASH, concat, SDP):
#: whoever controls the camera would make this machine open them.
_FORMATS = "rtsp,mpegts,mpeg,mov,matroska,flv,avi,asf,ogg,mpjpeg,mjpeg,h264,hevc,m4v,mpegvideo,gif"
#: Decoders for video from cameras and for common files.
_CODECS = frozenset(
    {"mjpeg", "h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg1video", "mpeg2video"}
    | {"mpeg4", "msmpeg4", "msmpeg4v2", "h263", "theora", "gif"}
)
_MAX_PIXELS = jpeg.MAX_SIDE**2
#: What applies to every source, beside the protocols.
_LIMITS = {"format_whitelist": _FORMATS, "codec_whitelist": ",".join(sorted(_CODECS)), "max_pixels": str(_MAX_PIXELS)}
#: Streams use TCP, which loses no packets and needs no open ports, and are not buffered. Redirects of HTTP are followed by `http`;
#: those of RTSP are followed by FFmpeg, with the login, and it has no option against that.
_STREAM_OPTIONS = {
    "rtsp_transport": "tcp",
    "fflags": "nobuffer",
    "analyzeduration": "1000000",
    "protocol_whitelist": "http,https,rtsp,rtsps,rtp,tcp,tls,httpproxy",
    "max_redirects": "0",
    "tls_verify": "1",  # by default FFmpeg accepts every certificate
}
#: FFmpeg knows no authorities of its own.
_SYSTEM_CAS = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
_FILE_OPTIONS = {"protocol_whitelist": "file"}
#: Seconds between pictures if a file doesn't say.
_PERIOD = 1 / 25

#: A stream is lost after this many seconds without a packet: short enough for a camera that returns to be live within 10 s.
#: A read can't be interrupted, so a stop may also take as long; it is below supervisor.RELEASE_SECONDS.
#: Streams with longer gaps between packets are not supported.
_READ_TIMEOUT = 6.0
_STALLED = f"no data for {_READ_TIMEOUT:.0f} s"
_REFUSALS = (av.error.ConnectionRefusedError, av.error.HTTPClientError, av.error.PermissionError)


class Stream:
    """A live stream, whose pictures count as taken when they arrive.

    FFmpeg recognizes the end of a picture in RTP by the start of the next one, so RTSP is always one frame behind.
    """

    def __init__(self, url: str, stop: StopToken, ca_file: str = "") -> None:
        self._container = _open(url, {**_STREAM_OPTIONS, "ca_file": ca_file or _SYSTEM_CAS})
        self._pictures = _pictures(self._container, stop)

    def read(self) -> Capture:
        """The next picture; raises SourceLost."""
        picture, _ = _next(self._pictures)
        return Capture(time.time(), time.monotonic(), picture)

    def close(self) -> None:
        """Close the connection."""
        self._container.close()


class File:
    """A video file, played in a loop at its own speed."""

    def __init__(self, path: str, stop: StopToken) -> None:
        self._path, self._stop = path, stop
        self._start = time.monotonic()
        self._first: float | None = None
        self._offset, self._period = 0.0, _PERIOD
        self._rewind()

    def read(self) -> Capture:
        """Wait for the next picture's time; raises SourceLost."""
        try:
            picture, at = _next(self._pictures)
        except SourceLost as e:
            if e.cause != "ended" or self._stop.is_set():
                raise
            if self._first is None:
                raise SourceLost("error", "the file has no pictures") from None
            self._container.close()
            self._start += self._offset + self._period
            try:
                self._rewind()
            except SourceNotOpened as e:  # it was deleted or overwritten while it played
                raise SourceLost("error", f"the file can't be reopened: {e}") from None
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
        self._container = _open(self._path, _FILE_OPTIONS)
        self._pictures = _pictures(self._container, self._stop)
        self._first, self._offset = None, 0.0


#: A picture as in Capture.jpeg, and its time in the stream in seconds, if it has one.
_Timed = tuple["bytes | functools.partial[bytes]", float | None]


def _open(address: str, options: Mapping[str, str]) -> InputContainer:
    """Open the address; raises SourceNotOpened, without FFmpeg's own message, as that contains the address and its login."""
    began = time.monotonic()
    try:
        # titles and other metadata are not used, so their encoding doesn't matter
        container = av.open(address, options={**_LIMITS, **options}, timeout=(TIMEOUT, _READ_TIMEOUT), metadata_errors="replace")
    except _REFUSALS as e:
        raise SourceNotOpened("refused", f"refused: {e.strerror}") from None
    except (av.error.FFmpegError, OSError) as e:
        if time.monotonic() - began >= TIMEOUT:  # FFmpeg has several errors for it
            raise SourceNotOpened("timeout", f"no answer within {TIMEOUT:.0f} s") from None
        raise SourceNotOpened("error", f"can't be opened: {e.strerror}") from None
    if not container.streams.video:
        container.close()
        raise SourceNotOpened("error", "has no video stream")
    codec: av.VideoCodecContext | None = container.streams.video[0].codec_context  # PyAV's types don't say that it may be None
    if codec is None:
        container.close()
        raise SourceNotOpened("error", "has a video stream of an unknown codec")
    if codec.name not in _CODECS:
        container.close()
        raise SourceNotOpened("error", f"has video of the codec {codec.name}, which is not supported")
    codec.options = {"max_pixels": str(_MAX_PIXELS)}  # its size may also grow later
    return container


def _pictures(container: InputContainer, stop: StopToken) -> Iterator[_Timed]:
    """The pictures of the first video stream; raises FFmpegError at its end or on an error, SourceLost when stopped."""
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
            continue  # a packet was lost on the way; if no picture can be decoded any more, the supervisor notices
        except av.error.ArgumentError:
            raise SourceLost("error", f"can't be decoded: damaged, or more than {_MAX_PIXELS} pixels") from None
        for frame in frames:
            assert isinstance(frame, av.VideoFrame)  # the stream is a video stream
            yield functools.partial(encode.from_picture, frame), None if frame.pts is None else frame.pts * base


def _packets(container: InputContainer, stream: av.VideoStream, stop: StopToken) -> Iterator[av.Packet[av.stream.Stream]]:
    """The packets of one stream until a stop, which is checked with every packet of any stream."""
    asked = time.monotonic()
    for packet in container.demux():
        if stop.is_set():
            raise SourceLost("ended", "stopped")
        if time.monotonic() - asked > _READ_TIMEOUT:  # FFmpeg held this packet back until the timeout
            raise SourceLost("stalled", _STALLED)
        if packet.stream.index == stream.index:
            yield packet
        asked = time.monotonic()


def _next(pictures: Iterator[_Timed]) -> _Timed:
    """The next picture; raises SourceLost."""
    try:
        return next(pictures)
    except (StopIteration, av.error.EOFError):
        raise SourceLost("ended", "the stream ended") from None
    except (av.error.ExitError, av.error.TimeoutError):
        raise SourceLost("stalled", _STALLED) from None
    except (av.error.FFmpegError, OSError) as e:
        raise SourceLost("error", f"the stream broke: {e.strerror}") from None
