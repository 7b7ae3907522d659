"""Handling of the signals that end a process, in a thread where any lock may be taken."""

from __future__ import annotations

import atexit
import os
import queue
import signal
import threading
from collections.abc import Callable

#: Sent by a supervisor, by Ctrl-C, and by a terminal that closes.
_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def on_end(end: Callable[[signal.Signals], None]) -> None:
    """Call `end` once, in a thread of its own, with the first of these signals.

    A signal handler must take no lock, not even a threading.Event's: a second signal (make forwards SIGTERM) runs the
    handler inside the first one, which still holds the lock. It must not be Python code either, because a flood of signals
    then nests handlers until a RecursionError. SimpleQueue.put is reentrant and written in C.

    sigwait is no alternative: it needs the signals blocked in every thread, and numpy starts threads on import. Signals
    reach the thread in two ways: through the wakeup file descriptor, at once, whatever the main thread does; and through
    the handler, because uvloop takes over the descriptor.
    """
    heard: queue.SimpleQueue[int] = queue.SimpleQueue()  # noqa: TID251  # waited for without a timeout
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    for number in _END:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores it
            signal.signal(number, heard.put)  # type: ignore[arg-type]  # the frame comes as `block`, which put ignores
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    atexit.register(_hear_no_more)

    def hand_over() -> None:
        while True:
            heard.put(os.read(reading, 1)[0])

    def await_end() -> None:
        heeded = False
        while True:  # later signals change nothing; other signals arrive through the descriptor, too
            number = heard.get()
            if number in _END and not heeded:
                heeded = True
                end(signal.Signals(number))

    for work in (hand_over, await_end):
        threading.Thread(target=work, name=f"signals-{work.__name__}", daemon=True).start()


def _hear_no_more() -> None:
    """Ignore the signals: the interpreter removes handlers at exit, and a late signal would kill an orderly shutdown."""
    for number in _END:
        signal.signal(number, signal.SIG_IGN)
