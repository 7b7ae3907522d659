"""Every error that seccam raises on purpose. Modules translate the exceptions of the libraries that they call."""

from __future__ import annotations

from dataclasses import dataclass


class SeccamError(Exception):
    """Base class of all errors below."""


@dataclass(frozen=True)
class SettingFault:
    """What is wrong with one setting."""

    #: The environment variable, command-line option or file.
    setting: str
    why: str
    #: The known setting that an unknown name probably means; empty if there is none.
    suggestion: str = ""

    def __str__(self) -> str:
        proposal = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.setting}: {self.why}{proposal}"


class SettingsError(SeccamError):
    """One or more settings are wrong."""

    def __init__(self, *faults: SettingFault) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each fault."""
        return tuple(map(str, self.faults))


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

    refused | auth | tls | heartbeat | closed | unconfirmed | network.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause
