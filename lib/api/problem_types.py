"""The types of problems in the API's responses, each with a permanent name: docs/problems.md explains them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemType:
    """
    One type of problem.

    title: the problem, the same for each occurrence. remedy: the caller's next step.
    """

    status: int
    title: str
    remedy: str


PROBLEM_TYPES = {
    "malformed-request": ProblemType(
        400,
        "The request cannot be read",
        "Send UTF-8 JSON of at most 1 MiB and 16 levels, each key once, without the character U+0000.",
    ),
    "invalid-fields": ProblemType(
        400, "A field is missing or wrong", "Correct the fields listed under `errors` and send the request again."
    ),
    "not-authenticated": ProblemType(
        401, "No valid API key", "Send `Authorization: Bearer` with a key that is neither expired nor revoked."
    ),
    "limit-reached": ProblemType(
        402, "A limit stands against it", "Do as `limit.remedy` says, or wait until `limit.resets_at`."
    ),
    "scope-missing": ProblemType(403, "The key may not do this", "Use a key with the scope that `detail` names."),
    "not-found": ProblemType(
        404,
        "There is nothing here",
        "Check the address. Live keys see live customers only, and test keys sandbox customers only.",
    ),
    "method-not-allowed": ProblemType(
        405, "This address has no such method", "Use one of the methods in the `Allow` header."
    ),
    "conflict": ProblemType(
        409, "It would contradict what is stored", "Read the current state and decide what should hold."
    ),
    "idempotency-key-in-use": ProblemType(
        409,
        "The same request is still running",
        "Wait as long as `Retry-After` says, then send it again with the same Idempotency-Key.",
    ),
    "not-ready": ProblemType(409, "It does not exist yet", "Wait as long as `Retry-After` says, then ask again."),
    "body-too-large": ProblemType(413, "The body is too large", "Send it in smaller parts."),
    "unsupported-media-type": ProblemType(415, "The body is not JSON", "Send `Content-Type: application/json`."),
    "idempotency-key-reused": ProblemType(
        422,
        "The Idempotency-Key belongs to another request",
        "Use a new key for a new request; repeat a request exactly to get its first answer again.",
    ),
    "unprocessable": ProblemType(
        422,
        "It cannot be done as asked",
        "Read `detail`: the request contradicts itself or the facts.",
    ),
    "too-many-requests": ProblemType(
        429, "Too many requests", "Wait as long as `Retry-After` says; `RateLimit` tells what is left."
    ),
    "internal-error": ProblemType(
        500,
        "Something went wrong on our side",
        "Send it again, with the same Idempotency-Key; tell us the `instance` if it goes on.",
    ),
    "database-unavailable": ProblemType(
        503,
        "The database did not answer",
        "Wait as long as `Retry-After` says, then send it again, with the same Idempotency-Key or event ids.",
    ),
}
