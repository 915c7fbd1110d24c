"""What goes wrong, as exceptions: one class for each kind of refusal that a caller may want to tell from others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


class TollbookError(Exception):
    """Anything that this package raises on behalf of the server, or because there was none."""


class Unreachable(TollbookError):
    """There was no answer, however often it was tried. Whether the last try had an effect is not known; repeat it."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault. field: dotted path into what was sent; empty for all of it. code: for programs."""

    field: str
    code: str
    detail: str


class Problem(TollbookError):
    """
    A refusal (RFC 9457).

    name: its kind, which never changes its meaning, such as `invalid-fields`. request_id: name it when asking about
    a request. retry_after: seconds after which it may be tried again, where the server said so.
    facts: what else the answer holds.
    """

    type_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, status: int, document: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.name = str(document.get("type") or "unknown").rsplit("/", 1)[-1]
        self.title = str(document.get("title") or "")
        self.detail = str(document.get("detail") or "")
        self.request_id = str(document.get("instance") or "")
        self.errors = tuple(
            FieldError(str(one.get("field", "")), str(one.get("code", "")), str(one.get("detail", "")))
            for one in document.get("errors") or ()
        )
        self.retry_after = retry_after
        known = {"type", "title", "status", "detail", "instance", "errors"}
        self.extensions = {name: value for name, value in document.items() if name not in known}
        super().__init__(f"{status} {self.name}: {self.detail or self.title} ({self.request_id})")


class InvalidFields(Problem):
    """A field is missing or wrong: `errors` says which."""

    names = ("invalid-fields", "malformed-request", "body-too-large", "unsupported-media-type")


class NotAuthenticated(Problem):
    """The key is unknown, expired or revoked."""

    names = ("not-authenticated",)


class LimitReached(Problem):
    """A limit stands against it: `limit` has the members of a check's answer."""

    names = ("limit-reached",)

    @property
    def limit(self) -> Mapping[str, Any]:
        """Return how the customer stands: `reason`, `remaining`, `remedy`, `resets_at` and more."""
        found: Mapping[str, Any] = self.extensions.get("limit") or {}
        return found


class ScopeMissing(Problem):
    """The key may not do this."""

    names = ("scope-missing",)


class NotFound(Problem):
    """There is nothing there, or it belongs to the other world: live or sandbox."""

    names = ("not-found", "method-not-allowed")


class Conflict(Problem):
    """It contradicts what is stored."""

    names = ("conflict", "idempotency-key-in-use", "idempotency-key-reused")


class NotReady(Problem):
    """It does not exist yet, such as the file of a document that was issued a moment ago."""

    names = ("not-ready",)


class Unprocessable(Problem):
    """It is well formed, and cannot be done."""

    names = ("unprocessable",)


class TooManyRequests(Problem):
    """The key's quota, or the address's, is used up for `retry_after` seconds."""

    names = ("too-many-requests",)


class ServerError(Problem):
    """The server failed, or its database could not be reached."""

    names = ("internal-error", "database-unavailable")


_CLASSES = {name: kind for kind in Problem.__subclasses__() for name in kind.type_names}


def create_problem(*, status: int, document: Any, retry_after: float | None) -> Problem:
    """Return the exception that an answer of 400 and more stands for."""
    told = document if isinstance(document, Mapping) else {}
    name = str(told.get("type") or "").rsplit("/", 1)[-1]
    other: type[Problem] = {429: TooManyRequests}.get(status, ServerError if status >= 500 else Problem)
    return _CLASSES.get(name, other)(status=status, document=told, retry_after=retry_after)
