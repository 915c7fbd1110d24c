"""HTTP load: client processes that send prepared requests over persistent connections, and measure the responses."""

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
    """The elapsed time of all calls together, and of each call, in seconds."""

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
    Send the calls from `clients` processes, distributed in turn, and return the timing.

    :raises RuntimeError: if a response is not 2xx.
    """
    arguments = [(port, secret, list(calls[number::clients])) for number in range(clients)]
    with _pool(clients) as pool:
        pool.map(_nothing, range(clients))
        started = time.perf_counter()
        each = [seconds for timings in pool.starmap(_send_share, arguments, chunksize=1) for seconds in timings]
        return Timing(time.perf_counter() - started, tuple(each))


def _pool(clients: int) -> Pool:
    return get_context("fork").Pool(clients)


def _nothing(_: int) -> None:
    """Warm up a client: its process exists when the clock starts."""


def _send_share(port: int, secret: str, calls: Sequence[Call]) -> list[float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    timings = []
    for call in calls:
        started = time.perf_counter()
        connection.request(call.method, call.path, call.body or None, headers)
        response = connection.getresponse()
        text = response.read()
        timings.append(time.perf_counter() - started)
        if not 200 <= response.status < 300:
            raise RuntimeError(f"{call.method} {call.path} was answered {response.status}: {text[:500]!r}")
    connection.close()
    return timings
