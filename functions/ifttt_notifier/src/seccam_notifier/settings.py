"""The notifier's settings."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, NamedTuple

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from seccam.schedule import Schedule, check_hours
from seccam.settings import BrokerSettings, Group, OpsSettings, VisitSettings, listed
from seccam.topology import is_camera
from seccam.zone import system_zone, zone_of
from seccam_notifier.notification import TEXT, check_text

_HOST_ONLY = re.compile(r"https?://[^/?#\s]+/?")
_ADDRESS = re.compile(r"https?://[^/?#\s]+[^?#\s]*")
_CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}")


def _host_only(value: str) -> str:
    if not _HOST_ONLY.fullmatch(value):
        raise ValueError("must be http://host or https://host, with or without a port, and nothing after it")
    return value.removesuffix("/")


def _address(value: str) -> str:
    if value and not _ADDRESS.fullmatch(value):
        raise ValueError("must be an http:// or https:// address without ? and #")
    return value.removesuffix("/")


def _hours(value: str) -> str:
    if value:
        check_hours(value, "DE")  # any country: the right one is in another group
    return value


class IftttSettings(Group):
    """IFTTT Webhooks."""

    PREFIX = "IFTTT_"

    key: SecretStr = Field(SecretStr(""), description="Key of IFTTT's Webhooks service; empty: IFTTT isn't called.")
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

    _url = field_validator("url")(_host_only)


class TelegramSettings(Group):
    """A Telegram bot."""

    PREFIX = "SECCAM_TELEGRAM_"

    token: SecretStr = Field(SecretStr(""), description="Token of the bot, from @BotFather; empty: Telegram isn't called.")
    chats: str = Field(
        "", description="Chats that the bot writes to, separated by commas: their numbers, or @names of public channels."
    )
    url: str = Field("https://api.telegram.org", description="Address of the Bot API: Telegram's, or a server of your own.")
    quiet_hours: str = Field(
        "", description="When messages make no sound, in opening_hours syntax, in SECCAM_NOTIFIER_ZONE; empty: never."
    )

    @field_validator("token")
    @classmethod
    def _a_token(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.fullmatch(r"\d+:[A-Za-z0-9_-]+", value.get_secret_value()):
            raise ValueError("must be what @BotFather gave you: digits, a colon, and letters")
        return value

    @field_validator("chats")
    @classmethod
    def _chats(cls, value: str) -> str:
        for chat in listed(value):
            if not _CHAT.fullmatch(chat):
                raise ValueError(f"{chat!r} is no chat: a number such as 123456789 or -1001234567890, or @name")
        return ",".join(dict.fromkeys(listed(value)))

    _url = field_validator("url")(_address)

    _quiet_hours = field_validator("quiet_hours")(_hours)

    @model_validator(mode="after")
    def _token_and_chats(self) -> TelegramSettings:
        if bool(self.token.get_secret_value()) != bool(self.chats):
            raise ValueError("SECCAM_TELEGRAM_TOKEN and SECCAM_TELEGRAM_CHATS must both be set, or neither")
        return self

    @property
    def chat_ids(self) -> list[str]:
        """The chats one by one."""
        return listed(self.chats)


class NtfySettings(Group):
    """A topic of an ntfy server."""

    PREFIX = "SECCAM_NTFY_"

    topic: SecretStr = Field(
        SecretStr(""), description="Topic; whoever knows its name can read it on ntfy.sh. Empty: ntfy isn't called."
    )
    token: SecretStr = Field(SecretStr(""), description="Access token, where the server wants one.")
    url: str = Field("https://ntfy.sh", description="Address of the server.")
    quiet_hours: str = Field(
        "", description="When messages make no sound, in opening_hours syntax, in SECCAM_NOTIFIER_ZONE; empty: never."
    )

    @field_validator("topic")
    @classmethod
    def _a_topic(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,64}", value.get_secret_value()):
            raise ValueError("must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
        return value

    _url = field_validator("url")(_address)
    _quiet_hours = field_validator("quiet_hours")(_hours)


class WebhookSettings(Group):
    """A program of yours."""

    PREFIX = "SECCAM_WEBHOOK_"

    url: SecretStr = Field(SecretStr(""), description="Address that each event is posted to; empty: none.")
    secret: SecretStr = Field(
        SecretStr(""),
        description="Key that posts are signed with, as Standard Webhooks says: `whsec_` and base64; empty: not signed.",
    )

    @field_validator("url")
    @classmethod
    def _an_address(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.fullmatch(r"https?://[^/?#\s]+[^#\s]*", value.get_secret_value()):
            raise ValueError("must be an http:// or https:// address")
        return value

    @field_validator("secret")
    @classmethod
    def _a_key(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            try:
                long_enough = len(key_of(value)) >= 24
            except binascii.Error:
                long_enough = False
            if not long_enough or not value.get_secret_value().startswith("whsec_"):
                raise ValueError("must be whsec_ and the base64 of at least 24 random bytes")
        return value


def key_of(secret: SecretStr) -> bytes:
    """The key in a secret of Standard Webhooks. Raises binascii.Error."""
    return base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)


class AppriseSettings(Group):
    """Other services, by Apprise."""

    PREFIX = "SECCAM_APPRISE_"

    urls: SecretStr = Field(
        SecretStr(""),
        description="Addresses in Apprise's form (`mailto://…`), separated by spaces or commas; needs the extra `apprise`.",
    )


class PublicSettings(Group):
    """Where people find the page."""

    PREFIX = "SECCAM_PUBLIC_"

    url: str = Field(
        "", description="Address of the page, for links in notifications, such as https://cameras.example.org; empty: no links."
    )

    _url = field_validator("url")(_address)


class NotifierSettings(OpsSettings):
    """How the notifier works."""

    PREFIX = "SECCAM_NOTIFIER_"

    channels: str = Field(
        "",
        description="Channels that events are told on, separated by commas: `telegram`, `ntfy`, `webhook`, `apprise`, `ifttt`, "
        "`log`; empty: all that are configured, or the log if none is.",
    )
    text: str = Field(
        TEXT,
        description="What a message says of faces. Placeholders: `{faces}`, `{count}`, `{camera}`, `{time}`, `{date}`, `{zone}`, "
        "`{late}`.",
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=10)] = Field(
        10.0, description="Seconds that a channel's service may take to answer."
    )
    zone: str = Field(
        "",
        description="IANA time zone of the armed and the quiet hours, and of the time in a notification where the event names "
        "none; empty: this machine's.",
    )
    holidays: str = Field(
        "", description="ISO code of the country whose public holidays `PH` means in these hours, such as DE; empty: none."
    )
    armed_hours: str = Field(
        "",
        description="When the mode is `armed` by itself, in OpenStreetMap's opening_hours syntax, and `disarmed` at other times; "
        "empty: always armed. A command holds until the next change.",
    )

    max_per_minute: Annotated[int, Field(ge=0, le=1000)] = Field(
        10,
        description="Notifications in any minute on each channel and in each chat, at most; what is over it is told as one sum "
        "once there is room. 0: no limit.",
    )

    silent_at_home: str = Field(
        "", description="Cameras whose faces are not told in the mode `home`, separated by commas; empty: none."
    )

    @field_validator("silent_at_home")
    @classmethod
    def _cameras(cls, value: str) -> str:
        for name in listed(value):
            if not is_camera(name):
                raise ValueError(f"{name!r} is not a valid camera name")
        return value

    @field_validator("text")
    @classmethod
    def _known_placeholders(cls, value: str) -> str:
        check_text(value)
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return zone_of(value).key if value else value

    @field_validator("holidays")
    @classmethod
    def _known_country(cls, value: str) -> str:
        if value:
            check_hours("24/7", value)
        return value

    @field_validator("armed_hours")
    @classmethod
    def _known_hours(cls, value: str, info: ValidationInfo) -> str:
        if value:
            check_hours(value, info.data.get("holidays", "DE"))  # any country, if the one given is itself wrong
        return value

    @property
    def schedule(self) -> Schedule | None:
        """When to be armed; None: always."""
        return self.schedule_of(self.armed_hours)

    def schedule_of(self, hours: str) -> Schedule | None:
        """Hours in the zone and with the holidays of these settings; None if there are none. Raises ValueError."""
        return Schedule(hours, zone_of(self.zone) if self.zone else system_zone(), self.holidays) if hours else None

    @property
    def channel_names(self) -> list[str]:
        """The channels that are named."""
        return listed(self.channels)

    @property
    def cameras_silent_at_home(self) -> list[str]:
        """The cameras that are silent at home."""
        return listed(self.silent_at_home)


class Settings(NamedTuple):
    """All that the notifier reads beside the log's settings."""

    broker: BrokerSettings = BrokerSettings()
    visit: VisitSettings = VisitSettings()
    public: PublicSettings = PublicSettings()
    telegram: TelegramSettings = TelegramSettings()
    ntfy: NtfySettings = NtfySettings()
    webhook: WebhookSettings = WebhookSettings()
    apprise: AppriseSettings = AppriseSettings()
    ifttt: IftttSettings = IftttSettings()
    #: Holds the ops port, so it is the last.
    own: NotifierSettings = NotifierSettings()


#: The groups in this order.
GROUPS: tuple[type[Group], ...] = tuple(type(group) for group in Settings())
