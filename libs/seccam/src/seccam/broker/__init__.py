"""Connections to RabbitMQ: the only package that imports pika.

A connection belongs to one thread (pika is not thread-safe) and to one direction (an alarm blocks connections that
publish, and must not stop those that consume). Both kinds reconnect until they are stopped.
"""

from seccam.broker.connection import connect, parameters, translated
from seccam.broker.consumer import CatchAllRouter, Consumer, Delivery, Subscription
from seccam.broker.outgoing import DEATH_HEADERS, Message, command_message, event_message, probe_message, sendable_headers
from seccam.broker.publisher import OnDropped, OnSent, Publisher, Receipt
from seccam.broker.spool import Spool
from seccam.broker.stream import StreamReader

__all__ = [
    "DEATH_HEADERS",
    "CatchAllRouter",
    "Consumer",
    "Delivery",
    "Message",
    "OnDropped",
    "OnSent",
    "Publisher",
    "Receipt",
    "Spool",
    "StreamReader",
    "Subscription",
    "command_message",
    "connect",
    "event_message",
    "parameters",
    "probe_message",
    "sendable_headers",
    "translated",
]
