"""
One request, answered once, tried as often as it takes.

Every request may be repeated without harm: reading changes nothing, PUT, PATCH and DELETE say how things are to be,
events carry ids of their own, and each other POST gets an Idempotency-Key that stays the same from try to try.
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
    How long to go on after a try failed.

    patience: seconds from the first try on, after which no other one begins; 0 for a single try.
    first, longest: seconds of the waits, which double in between; each is cut at random by up to a half, so that
    clients that failed together do not come back together. `Retry-After` makes a wait longer.
    """

    patience: float = 60.0
    first_wait: float = 0.2
    max_wait: float = 20.0

    def wait(self, tries: int, *, retry_after: float | None = None) -> float:
        """Return how many seconds to wait after so many tries, of which the last one was answered with `asked`."""
        usual: float = min(self.max_wait, self.first_wait * 2 ** min(tries - 1, 30))
        return max(usual * random.uniform(0.5, 1), retry_after or 0.0)  # noqa: S311, nobody gains by guessing it


@dataclass(slots=True, weakref_slot=True, eq=False)
class Connection:
    """
    Where requests go, and by whose key.

    sleep, clock: for tests. A process that was forked begins with connections of its own.
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
        Return the answer, of 200 to 299.

        content: the body as it is sent, instead of `body`. idempotency_key: of a POST; a new one by default.

        :raises Problem: if the server refused it, and trying again did not help.
        :raises Unreachable: if there was no answer.
        """
        headers = {"Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or uuid4().hex
        if content is None and body is not serialization.OMITTED:
            content = serialization.to_json(body)
        params = {
            name: serialization.to_query_text(value) for name, value in (query or {}).items() if value is not None
        }
        rule, began, tries = retries or self.retries, self.clock(), 0
        while True:
            tries += 1
            failure = self._try(method, path, params=params, content=content, headers=headers)
            if isinstance(failure, httpx.Response):
                return failure
            asked = failure.retry_after if isinstance(failure, Problem) else None
            wait = rule.wait(tries, retry_after=asked)
            if not is_retryable(failure) or self.clock() + wait > began + rule.patience:
                raise failure
            self.sleep(wait)

    def _try(self, method: str, path: str, **sent: Any) -> httpx.Response | Problem | Unreachable:
        try:
            answer = self._http.request(method, path, **sent)
        except httpx.TransportError as error:
            return Unreachable(f"{method} {self.base_url}{path}: {type(error).__name__} {error}")
        return answer if answer.is_success else read_problem(answer)

    def json(self, method: str, path: str, **sent: Any) -> Any:
        """Return what the answer says; its numbers with a point are Decimal."""
        answer = self.request(method, path, **sent)
        return json.loads(answer.content, parse_float=Decimal) if answer.content else None


def read_problem(answer: httpx.Response) -> Problem:
    """Return the exception that an answer stands for; one that no Tollbook gave, such as a proxy's, as well."""
    try:
        document = json.loads(answer.content)
    except ValueError:
        document = {"detail": answer.text[:200]}
    asked = answer.headers.get("Retry-After", "")
    return create_problem(
        status=answer.status_code, document=document, retry_after=float(asked) if asked.isdecimal() else None
    )


def is_retryable(failure: Problem | Unreachable) -> bool:
    """Tell whether the same request may fare better later."""
    if isinstance(failure, Unreachable) or failure.status in RETRYABLE_STATUSES:
        return True
    return failure.status == 409 and failure.retry_after is not None


_CONNECTIONS: weakref.WeakSet[Connection] = weakref.WeakSet()


def _reconnect_after_fork() -> None:
    for one in list(_CONNECTIONS):
        one._begin()  # what the parent has open is the parent's: two processes must not speak on one line


os.register_at_fork(after_in_child=_reconnect_after_fork)
