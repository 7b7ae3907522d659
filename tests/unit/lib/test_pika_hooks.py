"""The private parts of pika that seccam.broker relies on: each test fails when an upgrade changes one.

Properties that can't be decoded end a connection in pika; large frames cost it three times the processor time; a connection
that waits for the broker runs no callbacks. Public ways around these don't exist.
"""

from __future__ import annotations

import struct

import pika
import pika.frame
import pika.spec
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.adapters.select_connection import SelectConnection
from pika.adapters.utils import io_services_utils
from pika.channel import Channel

from seccam.broker.connection import Properties


def header_frame(table: bytes) -> bytes:
    """A content header frame (AMQP 0-9-1, 4.2.6.1) whose only property is a headers table of these bytes."""
    headers_flag = 1 << 13
    payload = struct.pack(">HHQH", pika.BasicProperties.INDEX, 0, 0, headers_flag) + struct.pack(">I", len(table)) + table
    return struct.pack(">BHI", pika.spec.FRAME_HEADER, 1, len(payload)) + payload + bytes([pika.spec.FRAME_END])


def test_pika_decodes_properties_with_our_class() -> None:
    unreadable = b"\x04time" + b"T" + struct.pack(">Q", 2**63)  # a time beyond the calendar

    _, frame = pika.frame.decode_frame(header_frame(unreadable))

    assert isinstance(frame.properties, Properties)
    assert frame.properties.unreadable
    assert not frame.properties.headers


def test_pika_still_reads_as_many_bytes_at_a_time_as_we_set() -> None:
    transport = io_services_utils._AsyncTransportBase
    assert "_MAX_RECV_BYTES" in transport._consume.__code__.co_names
    assert transport._MAX_RECV_BYTES == 100 * 1024


def test_pika_still_has_the_connection_below_the_blocking_one() -> None:
    assert "_impl" in BlockingConnection.__init__.__code__.co_names
    for name in ("add_on_connection_blocked_callback", "add_on_connection_unblocked_callback", "_terminate_stream", "ioloop"):
        assert hasattr(SelectConnection, name), name


def test_pika_still_lets_the_channel_below_the_blocking_one_confirm_several_messages() -> None:
    assert "_impl" in BlockingChannel.__init__.__code__.co_names
    assert "ack_nack_callback" in Channel.confirm_delivery.__code__.co_varnames
    assert hasattr(Channel, "add_on_return_callback")
    # BlockingChannel doesn't know of the confirms, and so doesn't wait for them
    assert "_delivery_confirmation" in BlockingChannel.basic_publish.__code__.co_names


def test_pika_still_keeps_the_reason_for_which_a_channel_was_closed() -> None:
    assert "_closing_reason" in BlockingChannel.__init__.__code__.co_names
