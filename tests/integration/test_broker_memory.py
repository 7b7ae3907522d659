"""What bounds the broker's memory when frames come faster than it can handle them."""

from __future__ import annotations

import re

from tests.brokers import RunningBroker


def test_the_buffers_of_a_connection_hold_a_few_frames(broker: RunningBroker) -> None:
    connected = f"{{ok, {{_, {broker.ports.amqp}}}}} <- [catch inet:sockname(P)], {{ok, _}} <- [inet:peername(P)]"
    ours = f"[P || P <- erlang:ports(), {connected}]"
    with broker.connection():
        said = broker.node.ctl("eval", f"[element(2, inet:getopts(P, [buffer, sndbuf, recbuf])) || P <- {ours}].")

    sizes = [int(size) for size in re.findall(r"{(?:buffer|sndbuf|recbuf),(\d+)}", said)]
    assert sizes
    assert max(sizes) <= 2 * 256 * 1024, "Linux doubles what is asked for"


def test_the_other_options_of_its_sockets_are_rabbitmqs_own(broker: RunningBroker) -> None:
    said = broker.node.ctl("eval", "lists:sort(element(2, application:get_env(rabbit, tcp_listen_options))).")

    assert "".join(said.split()) == (
        "[{backlog,128},{exit_on_close,false},{linger,{true,0}},{nodelay,true},{recbuf,262144},{sndbuf,262144}]"
    )


def test_a_process_sends_few_messages_ahead_to_another_one(broker: RunningBroker) -> None:
    assert broker.node.ctl("eval", "application:get_env(rabbit, credit_flow_default_credit).").strip() == "{ok,{16,8}}"
