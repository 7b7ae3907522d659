"""The notifier's settings."""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from seccam.settings import BrokerSettings, Group, OpsSettings, VisitSettings


class IftttSettings(Group):
    """Where notifications go."""

    PREFIX = "IFTTT_"

    key: SecretStr = Field(SecretStr(""), description="Key of IFTTT's Webhooks service; empty: notifications are only logged.")
    event: str = Field("seccam", description="Name of the Webhooks event.")
    url: str = Field("https://maker.ifttt.com", description="Address of IFTTT; another one is for tests.")

    @field_validator("key")
    @classmethod
    def _a_bare_key(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value()
        if key and not key.replace("-", "").replace("_", "").isalnum():
            raise ValueError("must be the key alone: what follows /use/ in the address that IFTTT shows")
        return value

    @field_validator("event")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
            raise ValueError("must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
        return value

    @field_validator("url")
    @classmethod
    def _only_a_host(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/?#\s]+/?", value):
            raise ValueError("must be http://host or https://host, with or without a port, and nothing after it")
        return value.removesuffix("/")


class NotifierSettings(OpsSettings):
    """How the notifier works."""

    PREFIX = "SECCAM_NOTIFIER_"

    timeout_seconds: Annotated[float, Field(gt=0, le=10)] = Field(10.0, description="Seconds that IFTTT may take to answer.")
    zone: str = Field(
        "", description="IANA time zone of the time in a notification where the event names none; empty: this machine's."
    )

    max_per_minute: Annotated[int, Field(ge=0, le=1000)] = Field(
        10, description="Notifications in any minute, at most; what is over it is told as one sum once there is room. 0: no limit."
    )

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key if value else value
        except (ValueError, OSError, LookupError):
            raise ValueError("is not the name of a time zone; an example: Europe/Berlin") from None


#: All that the notifier reads beside the log's; the last holds the ops port.
GROUPS: tuple[type[Group], ...] = (BrokerSettings, VisitSettings, IftttSettings, NotifierSettings)
