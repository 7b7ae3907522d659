"""The address of a source, parsed from its setting. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["device", "rtsp", "http", "file", "demo"]

_SCHEMES: dict[str, Kind] = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http"}
_FORMS = "must be demo, a device (/dev/video0), rtsp://…, http://… or the path of a video file"


@dataclass(frozen=True)
class SourceAddress:
    """The kind of a source, and where it is."""

    kind: Kind
    #: What to open: a path or URL, with the login of a network camera.
    target: str

    @property
    def redacted(self) -> str:
        """The address for logs: only scheme, host and port of a URL, as cameras take logins in path and query, too."""
        if self.kind not in ("rtsp", "http"):
            return self.target
        parts = urlsplit(self.target)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}"


def parse(text: str) -> SourceAddress:
    """The address in a setting; raises ValueError, whose text never contains the setting's."""
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
            (parts.hostname or "").encode("idna")  # as in a look-up: fails on labels that are empty or too long
            text.encode()
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"{scheme}:// must be followed by a valid host, and the port, if there is one, must be valid")
        return SourceAddress(kind, text)
    if "/" in text or "." in text:
        return SourceAddress("file", text)
    raise ValueError(_FORMS)
