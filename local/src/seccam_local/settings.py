"""The settings of `make run` itself: the SECCAM_LOCAL_ variables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from seccam.settings import Group

#: These ports are printed and passed on before anything listens on them, so 0 (any free port) is not possible.
FixedPort = Annotated[int, Field(ge=1, le=65535)]


class LocalSettings(Group):
    """The settings of the private broker, and the number of workers."""

    PREFIX = "SECCAM_LOCAL_"

    folder: str = Field("", description="Folder of the broker's data, passwords and logs; empty: `.seccam` in the checkout.")
    workers: int = Field(1, ge=0, le=32, description="Security workers that share the frames of all cameras.")
    broker_port: FixedPort = Field(5673, description="AMQP port of the private broker, on 127.0.0.1.")
    mqtt_port: FixedPort = Field(1884, description="MQTT port of the private broker, on 127.0.0.1.")
    prometheus_port: FixedPort = Field(15693, description="Port of the private broker's own metrics, on 127.0.0.1.")
    distribution_port: FixedPort = Field(25673, description="Port of the private broker's Erlang distribution, on 127.0.0.1.")
    epmd_port: FixedPort = Field(4370, description="Port of the private broker's Erlang port mapper, on 127.0.0.1.")
