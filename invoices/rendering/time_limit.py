"""A bound on how long one rendering may take."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

REPEAT_SECONDS = 5


class TimeLimitExceeded(Exception):
    """The work was stopped when its time was up."""


class _Stop(BaseException):
    """What interrupts the work: no `except Exception` on the way may swallow it."""


@contextmanager
def time_limit(seconds: float, *, task: str) -> Iterator[None]:
    """
    Stop the block after `seconds`, by the alarm signal, which reaches the main thread of a process only.

    A worker's tasks and commands run there. Elsewhere (a web server's thread) there is no limit but the server's own.

    :raises TookTooLong: when the time was up; the text names `what`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Stop

    previous_handler = signal.signal(signal.SIGALRM, stop)
    # Again and again, should the first one be lost where an exception cannot go on (a callback, a destructor).
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    except _Stop:
        raise TimeLimitExceeded(f"{task} took more than {seconds:g} seconds.") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)
