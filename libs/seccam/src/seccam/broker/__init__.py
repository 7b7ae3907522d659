"""Connections to RabbitMQ: the only package that imports pika.

A connection belongs to one thread (pika is not thread-safe) and to one direction (an alarm blocks connections that
publish, and must not stop those that consume). Both kinds reconnect until they are stopped.
"""

from seccam.broker.connection import connect, parameters, translated
from seccam.broker.consumer import CatchAllRouter, Consumer, Delivery, Subscription
from seccam.broker.publisher import DEATH_HEADERS, Message, OnDropped, OnSent, Publisher, sendable_headers
from seccam.broker.stream import MissingStream, read_stream

__all__ = [
    "DEATH_HEADERS",
    "CatchAllRouter",
    "Consumer",
    "Delivery",
    "Message",
    "MissingStream",
    "OnDropped",
    "OnSent",
    "Publisher",
    "Subscription",
    "connect",
    "parameters",
    "read_stream",
    "sendable_headers",
    "translated",
]
