"""Clients: processes of their own that send prepared requests over kept connections, and time the answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing import get_context
from multiprocessing.pool import Pool


@dataclass(frozen=True, slots=True)
class Call:
    """One request to send."""

    method: str
    path: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long all calls took together, and each of them, in seconds."""

    elapsed: float
    each: tuple[float, ...]

    def percentile(self, percent: float) -> float:
        ordered = sorted(self.each)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    @property
    def rate(self) -> float:
        """Calls per second."""
        return len(self.each) / self.elapsed


def send(port: int, secret: str, calls: Sequence[Call], *, clients: int) -> Timing:
    """
    Send the calls from `clients` processes, dealt out in turn, and return how long they took.

    :raises RuntimeError: if an answer is not of the 2xx.
    """
    hands = [(port, secret, list(calls[number::clients])) for number in range(clients)]
    with _pool(clients) as pool:
        pool.map(_nothing, range(clients))
        started = time.perf_counter()
        each = [one for timings in pool.starmap(_send_hand, hands, chunksize=1) for one in timings]
        return Timing(time.perf_counter() - started, tuple(each))


def _pool(clients: int) -> Pool:
    return get_context("fork").Pool(clients)


def _nothing(_: int) -> None:
    """Warm a client up: its process exists when the clock starts."""


def _send_hand(port: int, secret: str, calls: Sequence[Call]) -> list[float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    timings = []
    for call in calls:
        started = time.perf_counter()
        connection.request(call.method, call.path, call.body or None, headers)
        answer = connection.getresponse()
        text = answer.read()
        timings.append(time.perf_counter() - started)
        if not 200 <= answer.status < 300:
            raise RuntimeError(f"{call.method} {call.path} was answered {answer.status}: {text[:500]!r}")
    connection.close()
    return timings
