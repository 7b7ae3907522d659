"""The signals that ask a process to end, heard where any lock may be taken."""

from __future__ import annotations

import atexit
import os
import queue
import signal
import threading
from collections.abc import Callable

#: What a supervisor, a terminal's Ctrl-C and a terminal's end send.
_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def on_end(end: Callable[[signal.Signals], None]) -> None:
    """Call `end` with the first end signal, in a thread of its own.

    A handler must take no lock, not even a threading.Event's: a second signal (make passes on its own SIGTERM) runs the
    handler again inside the first, which then holds the lock for ever. Nor may it be Python code: between any two calls
    of it the next signal's runs, so that a hail of signals ends in a RecursionError. SimpleQueue.put is neither.

    Not by sigwait: that needs the signals blocked in every thread, and those that numpy starts when it is imported are
    older than any mask of ours. Two ways lead to the thread: the wakeup file descriptor, at once, whatever the main
    thread does; and the handler, when the main thread gets to it, for uvloop takes the descriptor for itself.
    """
    heard: queue.SimpleQueue[int] = queue.SimpleQueue()  # noqa: TID251  # waited for without a timeout
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    for number in _END:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # under nohup it stays ignored
            signal.signal(number, heard.put)  # type: ignore[arg-type]  # the frame comes as `block`, which put ignores
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    atexit.register(_hear_no_more)

    def hand_over() -> None:
        while True:
            heard.put(os.read(reading, 1)[0])

    def await_end() -> None:
        heeded = False
        while True:  # a later signal changes nothing; the descriptor tells of other signals, too
            number = heard.get()
            if number in _END and not heeded:
                heeded = True
                end(signal.Signals(number))

    for work in (hand_over, await_end):
        threading.Thread(target=work, name=f"signals-{work.__name__}", daemon=True).start()


def _hear_no_more() -> None:
    """The interpreter takes its handlers off before it ends; one more signal would then kill a process that ends in order."""
    for number in _END:
        signal.signal(number, signal.SIG_IGN)
