"""Where a camera's pictures come from, as its setting says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["device", "rtsp", "http", "file", "demo"]

_SCHEMES: dict[str, Kind] = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http"}
_FORMS = "must be demo, a device (/dev/video0), rtsp://…, http://… or a video file's path"


@dataclass(frozen=True)
class SourceAddress:
    """A source by kind and place."""

    kind: Kind
    #: What is opened; holds the login of a camera on the network.
    target: str

    @property
    def redacted(self) -> str:
        """The same for logs: of a URL only scheme, host and port, as cameras take logins in path and query too."""
        if self.kind not in ("rtsp", "http"):
            return self.target
        parts = urlsplit(self.target)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}"


def parse(text: str) -> SourceAddress:
    """The address in a setting; raises ValueError, whose text never repeats the setting's."""
    if text == "demo":
        return SourceAddress("demo", text)
    if text.startswith("/dev/"):
        return SourceAddress("device", text)
    scheme, colon, _ = text.partition("://")
    if colon:
        kind = _SCHEMES.get(scheme.lower())
        if kind is None:
            raise ValueError(_FORMS)
        try:
            parts = urlsplit(text)
            known = bool(parts.hostname) and (parts.port is None or parts.port > 0)
            (parts.hostname or "").encode("idna")  # as it is looked up: no label of it may be empty, or over 63 letters
            text.encode()
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"{scheme}:// needs a host and, if any, a valid port after it")
        return SourceAddress(kind, text)
    if "/" in text or "." in text:
        return SourceAddress("file", text)
    raise ValueError(_FORMS)
