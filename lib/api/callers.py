"""The caller of the API, as `request.user`."""

from dataclasses import dataclass
from typing import cast

from rest_framework.request import Request


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """
    A program with an API key.

    key_id: row of the key. prefix: its readable start, fit for logs. sandbox: whether it sees sandbox customers, and
        only those.
    """

    key_id: int
    prefix: str
    scopes: frozenset[str]
    sandbox: bool
    is_authenticated: bool = True

    def __str__(self) -> str:
        return self.prefix


def caller_of(request: Request) -> ApiCaller:
    """Return the caller of a request that the permission admitted."""
    # REST framework's stubs expect Django's users there; the API authenticates nobody else than keys.
    return cast(ApiCaller, request.user)
