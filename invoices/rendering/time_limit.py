"""A limit on the duration of a rendering."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Time between two signals, should the first one be lost.
REPEAT_SECONDS = 5


class TimeLimitExceeded(Exception):
    """The work was stopped because its time was up."""


class _Stop(BaseException):
    """Interrupts the work. A BaseException, so that no `except Exception` swallows it."""


@contextmanager
def time_limit(seconds: float, *, task: str) -> Iterator[None]:
    """
    Stop the block after `seconds` by the alarm signal, which only reaches a process's main thread.

    Tasks and commands run in the main thread. In other threads (of a web server) only the server's own limit applies.

    :raises TimeLimitExceeded: when the time is up; the text names `task`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Stop

    previous_handler = signal.signal(signal.SIGALRM, stop)
    # Repeated, in case the first signal is lost where an exception can't propagate (a callback, a destructor).
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    except _Stop:
        raise TimeLimitExceeded(f"{task} took more than {seconds:g} seconds.") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)
