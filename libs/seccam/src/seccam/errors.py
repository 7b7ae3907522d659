"""Every error that seccam raises on purpose. A library's own exceptions end at the module that calls it."""

from __future__ import annotations

from collections.abc import Sequence


class SeccamError(Exception):
    """The base of them all."""


class SettingsError(SeccamError):
    """One or more settings are wrong; `faults` has a line for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class BadFrame(SeccamError):  # noqa: N818  # what it is about says more than `Error` would
    """A message is not a frame that may be passed on or decoded.

    `reason` is a metric label: corrupt | oversize | unknown_camera.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class BadMessage(SeccamError):  # noqa: N818  # as above
    """A JSON message (event, detection, status) doesn't keep to its schema."""


class BrokerError(SeccamError):
    """The broker could not be used; `cause` is a metric label.

    refused | auth | tls | heartbeat | closed | network.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
