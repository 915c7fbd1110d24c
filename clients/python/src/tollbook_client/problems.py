"""Errors as exceptions: one class for each kind of refusal that callers may want to distinguish."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


class TollbookError(Exception):
    """Base class of the exceptions that this package raises for a response, or for a missing one."""


class Unreachable(TollbookError):
    """No try got a response. Whether the last one had an effect is unknown; repeat the request."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault. field: dotted path in the request; empty for the whole body. code: for programs."""

    field: str
    code: str
    detail: str


class Problem(TollbookError):
    """
    A refusal (RFC 9457).

    name: its kind, with a permanent meaning, such as `invalid-fields`. request_id: state it in support requests.
        retry_after: seconds after which to retry, if the server named them.
    extensions: further members of the response.
    """

    type_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, status: int, document: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.name = str(document.get("type") or "unknown").rsplit("/", 1)[-1]
        self.title = str(document.get("title") or "")
        self.detail = str(document.get("detail") or "")
        self.request_id = str(document.get("instance") or "")
        self.errors = tuple(
            FieldError(str(entry.get("field", "")), str(entry.get("code", "")), str(entry.get("detail", "")))
            for entry in document.get("errors") or ()
        )
        self.retry_after = retry_after
        known = {"type", "title", "status", "detail", "instance", "errors"}
        self.extensions = {name: value for name, value in document.items() if name not in known}
        super().__init__(f"{status} {self.name}: {self.detail or self.title} ({self.request_id})")


class InvalidFields(Problem):
    """A field is missing or invalid: `errors` lists them."""

    type_names = ("invalid-fields", "malformed-request", "body-too-large", "unsupported-media-type")


class NotAuthenticated(Problem):
    """The key is unknown, expired or revoked."""

    type_names = ("not-authenticated",)


class LimitReached(Problem):
    """A limit was reached: `limit` has the members of a check's response."""

    type_names = ("limit-reached",)

    @property
    def limit(self) -> Mapping[str, Any]:
        """The state of the limit: `reason`, `remaining`, `remedy`, `resets_at` and more."""
        members: Mapping[str, Any] = self.extensions.get("limit") or {}
        return members


class ScopeMissing(Problem):
    """The key lacks the required scope."""

    type_names = ("scope-missing",)


class NotFound(Problem):
    """The object does not exist, or is live and the key a sandbox key, or vice versa."""

    type_names = ("not-found", "method-not-allowed")


class Conflict(Problem):
    """The request contradicts the stored state."""

    type_names = ("conflict", "idempotency-key-in-use", "idempotency-key-reused")


class NotReady(Problem):
    """The object does not exist yet, such as the file of an invoice that was issued a moment ago."""

    type_names = ("not-ready",)


class Unprocessable(Problem):
    """The request is well-formed, but can't be executed."""

    type_names = ("unprocessable",)


class TooManyRequests(Problem):
    """The key's quota, or the address's, is used up for `retry_after` seconds."""

    type_names = ("too-many-requests",)


class ServerError(Problem):
    """The server failed, or its database could not be reached."""

    type_names = ("internal-error", "database-unavailable")


_CLASSES = {name: kind for kind in Problem.__subclasses__() for name in kind.type_names}


def create_problem(*, status: int, document: Any, retry_after: float | None) -> Problem:
    """Return the exception for a response with a status of 400 or more."""
    members = document if isinstance(document, Mapping) else {}
    name = str(members.get("type") or "").rsplit("/", 1)[-1]
    default_class: type[Problem] = {429: TooManyRequests}.get(status, ServerError if status >= 500 else Problem)
    return _CLASSES.get(name, default_class)(status=status, document=members, retry_after=retry_after)
