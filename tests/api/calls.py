"""Call the API as a client does: a key, JSON in, JSON out."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client

from customers.api_keys.keys import issue
from customers.models import ApiKey

ALL = ("ingest", "read", "manage")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Caller:
    """A client with a key of its own."""

    def __init__(self, *, scopes: Collection[str] = ALL, sandbox: bool = False, **fields: Any) -> None:
        self.key, self.secret = issue(
            name="Backend", scopes=scopes, sandbox=sandbox, by=None, **{"at": NOW, **fields}
        )
        # The key has been used a moment ago, as in ordinary traffic: no call of a test writes that down.
        ApiKey.objects.filter(pk=self.key.pk).update(last_used_at=datetime(2100, 1, 1, tzinfo=UTC))
        self.client = Client(raise_request_exception=True)

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(f"/api/v1{path}", query, headers=self._headers())

    def post(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any) -> HttpResponse:
        return self.send("PATCH", path, body)

    def send(self, method: str, path: str, body: Any = b"", **headers: str) -> HttpResponse:
        """Send a body, as JSON unless it is bytes; `Idempotency_Key="k"` is a header."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=self._headers() | sent
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def problem(response: HttpResponse, status: int, name: str) -> dict[str, Any]:
    """Return the problem a response tells of, after checking that it is of this kind and complete."""
    told = json.loads(response.content)
    assert response.status_code == status, told
    assert response["Content-Type"] == "application/problem+json"
    assert told["type"] == f"/problems/{name}"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    assert told["instance"] == response["Request-Id"]
    return told


def faults(response: HttpResponse) -> dict[str, str]:
    """Return field → code of the fields that a response finds at fault."""
    return {error["field"]: error["code"] for error in problem(response, 400, "invalid-fields")["errors"]}
