"""A client of the API in tests: a key, JSON in, JSON out."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client

from access.rate_limits.buckets import rate_limit
from customers.api_keys.keys import issue
from customers.models import ApiKey
from tests.api.contract import check_response

ALL = ("ingest", "read", "manage")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Caller:
    """A client with an API key of its own."""

    def __init__(self, *, scopes: Collection[str] = ALL, sandbox: bool = False, **fields: Any) -> None:
        self.key, self.secret = issue(
            name="Backend", scopes=scopes, sandbox=sandbox, by=None, **{"at": NOW, **fields}
        )
        # The key was used moments ago, as in ordinary traffic, so no call of a test updates its last use.
        ApiKey.objects.filter(pk=self.key.pk).update(last_used_at=datetime(2100, 1, 1, tzinfo=UTC))
        # Nor does a call of a test ask for a lease of the key's quota.
        rate_limit("key").take(str(self.key.pk))
        self.client = Client(raise_request_exception=True)

    def get(self, path: str, **query: Any) -> HttpResponse:
        response = self.client.get(f"/api/v1{path}", query, headers=self._headers())
        check_response("GET", f"/api/v1{path}".partition("?")[0], response)
        return response

    def post(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any) -> HttpResponse:
        return self.send("PATCH", path, body)

    def send(self, method: str, path: str, body: Any = b"", **headers: str) -> HttpResponse:
        """Send a body, as JSON unless it is bytes; `Idempotency_Key="k"` is a header."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=self._headers() | sent
        )
        check_response(method, f"/api/v1{path}".partition("?")[0], response)
        return response

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def problem(response: HttpResponse, status: int, name: str) -> dict[str, Any]:
    """Return the problem of a response, after checking that it has this status and type and is complete."""
    payload = json.loads(response.content)
    assert response.status_code == status, payload
    assert response["Content-Type"] == "application/problem+json"
    assert payload["type"] == f"/problems/{name}"
    assert payload["status"] == status
    assert payload["title"]
    assert payload["detail"]
    assert payload["instance"] == response["Request-Id"]
    return payload


def faults(response: HttpResponse) -> dict[str, str]:
    """Return field → error code for the invalid fields of a response."""
    return {error["field"]: error["code"] for error in problem(response, 400, "invalid-fields")["errors"]}
