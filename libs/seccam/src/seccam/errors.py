"""Every error that seccam raises on purpose. Modules translate the exceptions of the libraries that they call."""

from __future__ import annotations

from collections.abc import Sequence


class SeccamError(Exception):
    """Base class of all errors below."""


class SettingsError(SeccamError):
    """One or more settings are wrong; `faults` has one line for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class BadFrame(SeccamError):  # noqa: N818  # the noun says more than `Error` would
    """A message is not a frame that is safe to pass on or decode.

    `reason` is a metric label: corrupt | oversize | unknown_camera.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class BadMessage(SeccamError):  # noqa: N818  # as above
    """A JSON message (event, detection, status) doesn't match its schema."""


class BrokerError(SeccamError):
    """The broker could not be used. `cause` is a metric label.

    refused | auth | tls | heartbeat | closed | network.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
