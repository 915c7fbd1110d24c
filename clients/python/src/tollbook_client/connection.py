"""
Requests with retries, each of which takes effect once.

Every request can be repeated without harm: reads change nothing, PUT, PATCH and DELETE state the desired result,
events have ids of their own, and each other POST gets an Idempotency-Key that stays the same for all tries.
"""

import json
import os
import random
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx

from tollbook_client import serialization
from tollbook_client.problems import Problem, Unreachable, create_problem

RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """
    How long to retry after a failure.

    patience: seconds since the first try, after which no further try begins; 0 for a single try.
    first_wait, max_wait: seconds of the waits, which double in between; each is shortened at random by up to a half,
        so that clients that failed together do not retry together. `Retry-After` makes a wait longer.
    """

    patience: float = 60.0
    first_wait: float = 0.2
    max_wait: float = 20.0

    def wait(self, tries: int, *, retry_after: float | None = None) -> float:
        """Return the seconds to wait after this many tries, at least the `Retry-After` of the last one."""
        backoff: float = min(self.max_wait, self.first_wait * 2 ** min(tries - 1, 30))
        return max(backoff * random.uniform(0.5, 1), retry_after or 0.0)  # noqa: S311, not a secret


@dataclass(slots=True, weakref_slot=True, eq=False)
class Connection:
    """
    The destination of requests, and the key.

    sleep, clock: for tests. A forked process begins with connections of its own.
    """

    key: str
    base_url: str
    timeout: float = 30.0
    retries: Retries = field(default_factory=Retries)
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self._begin()
        _CONNECTIONS.add(self)

    def _begin(self) -> None:
        self._http = httpx.Client(
            base_url=self.base_url.rstrip("/") + "/api/v1",
            headers={"Authorization": f"Bearer {self.key}", "User-Agent": "tollbook-client/0.1.0"},
            timeout=self.timeout,
            transport=self.transport,
        )

    def close(self) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = serialization.OMITTED,
        content: bytes | None = None,
        idempotency_key: str | None = None,
        retries: Retries | None = None,
    ) -> httpx.Response:
        """
        Return the response, with a status of 200 to 299.

        content: the encoded body, instead of `body`. idempotency_key: of a POST; a new one by default.

        :raises Problem: if the server refused the request, and retries did not help.
        :raises Unreachable: if there was no response.
        """
        headers = {"Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or uuid4().hex
        if content is None and body is not serialization.OMITTED:
            content = serialization.to_json(body)
        params = {
            name: serialization.to_query_text(value) for name, value in (query or {}).items() if value is not None
        }
        retry_rule, started_at, tries = retries or self.retries, self.clock(), 0
        while True:
            tries += 1
            outcome = self._try(method, path, params=params, content=content, headers=headers)
            if isinstance(outcome, httpx.Response):
                return outcome
            retry_after = outcome.retry_after if isinstance(outcome, Problem) else None
            wait = retry_rule.wait(tries, retry_after=retry_after)
            if not is_retryable(outcome) or self.clock() + wait > started_at + retry_rule.patience:
                raise outcome
            self.sleep(wait)

    def _try(self, method: str, path: str, **arguments: Any) -> httpx.Response | Problem | Unreachable:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            return Unreachable(f"{method} {self.base_url}{path}: {type(error).__name__} {error}")
        return response if response.is_success else read_problem(response)

    def json(self, method: str, path: str, **arguments: Any) -> Any:
        """Return the parsed response; numbers with a decimal point become Decimal."""
        response = self.request(method, path, **arguments)
        return json.loads(response.content, parse_float=Decimal) if response.content else None


def read_problem(response: httpx.Response) -> Problem:
    """Return the exception for a response, including those that a proxy and not Tollbook sent."""
    try:
        document = json.loads(response.content)
    except ValueError:
        document = {"detail": response.text[:200]}
    retry_after = response.headers.get("Retry-After", "")
    return create_problem(
        status=response.status_code,
        document=document,
        retry_after=float(retry_after) if retry_after.isdecimal() else None,
    )


def is_retryable(failure: Problem | Unreachable) -> bool:
    """Return whether the same request may succeed later."""
    if isinstance(failure, Unreachable) or failure.status in RETRYABLE_STATUSES:
        return True
    return failure.status == 409 and failure.retry_after is not None


_CONNECTIONS: weakref.WeakSet[Connection] = weakref.WeakSet()


def _reconnect_after_fork() -> None:
    for connection in list(_CONNECTIONS):
        connection._begin()  # parent and child must not share open sockets


os.register_at_fork(after_in_child=_reconnect_after_fork)
