"""A fake server: it records requests and gives the answers that a test sets."""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
from tollbook_client import OutboxLimits, Retries, Tollbook

QUICK = Retries(patience=5, first_wait=0.001, max_wait=0.01)


class Server:
    """
    Answers each request with the next of its answers, and repeats the last one.

    requests: all requests, in order.
    """

    def __init__(self, *answers: Callable[[httpx.Request], httpx.Response]) -> None:
        self.answers, self.requests = list(answers), []
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request)

    def client(self, *, key: str = "tb_live_k", retries: Retries = QUICK, **fields: Any) -> Tollbook:
        fields.setdefault("outbox", OutboxLimits(interval=0.01))
        return Tollbook(
            key, "https://tollbook.example", retries=retries, transport=httpx.MockTransport(self), **fields
        )

    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests if request.content]


def answer(body: Any = None, status: int = 200, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    """Return a function that answers with a JSON body."""
    response_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, json=body, headers=response_headers)


def refusal(status: int, name: str, *, errors: Any = (), **headers: str) -> Callable[..., httpx.Response]:
    """Return a function that answers with a problem."""
    document = {"type": f"/problems/{name}", "title": "T", "status": status, "detail": "D", "instance": "req_1"}
    return answer(document | ({"errors": errors} if errors else {}), status, **headers)


def no_answer(request: httpx.Request) -> httpx.Response:
    """Raise the error of an unreachable server."""
    raise httpx.ConnectError("refused", request=request)


def stores(request: httpx.Request) -> httpx.Response:
    """Answer events as the API does: `bad` events are rejected."""
    results = []
    for index, event in enumerate(json.loads(request.content)):
        rejection = {"status": "rejected", "field": "customer", "detail": "unknown"}
        results.append({"index": index, "id": event["id"], **(rejection if event["event"] == "bad" else _FINE)})
    rejected = sum(result["status"] == "rejected" for result in results)
    counts = {"accepted": len(results) - rejected, "duplicate": 0, "conflict": 0, "rejected": rejected}
    return httpx.Response(207 if rejected else 200, json={**counts, "results": results})


_FINE = {"status": "accepted"}
