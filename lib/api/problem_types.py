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
        "Malformed request",
        "Send UTF-8 JSON of at most 1 MiB and 16 levels, each key once, without the character U+0000.",
    ),
    "invalid-fields": ProblemType(
        400, "Missing or invalid field", "Correct the fields listed under `errors` and send the request again."
    ),
    "not-authenticated": ProblemType(
        401, "No valid API key", "Send `Authorization: Bearer` with a key that is neither expired nor revoked."
    ),
    "limit-reached": ProblemType(402, "Limit reached", "Follow `limit.remedy`, or wait until `limit.resets_at`."),
    "scope-missing": ProblemType(403, "Missing scope", "Use a key with the scope that `detail` names."),
    "not-found": ProblemType(
        404,
        "Not found",
        "Check the URL. Live keys see live customers only, and test keys sandbox customers only.",
    ),
    "method-not-allowed": ProblemType(405, "Method not allowed", "Use one of the methods in the `Allow` header."),
    "conflict": ProblemType(
        409, "Conflict with the current state", "Read the current state, then send a request that fits it."
    ),
    "idempotency-key-in-use": ProblemType(
        409,
        "The first request is still running",
        "Wait as long as `Retry-After` says, then send it again with the same Idempotency-Key.",
    ),
    "not-ready": ProblemType(409, "Not ready yet", "Wait as long as `Retry-After` says, then request it again."),
    "body-too-large": ProblemType(413, "Body too large", "Send several smaller requests."),
    "unsupported-media-type": ProblemType(415, "The body is not JSON", "Send `Content-Type: application/json`."),
    "idempotency-key-reused": ProblemType(
        422,
        "Idempotency-Key used for another request",
        "Use a new key for a new request; repeat a request exactly to get the first response again.",
    ),
    "unprocessable": ProblemType(
        422,
        "Request not possible",
        "Correct the request as `detail` explains: it contradicts itself or stored data.",
    ),
    "too-many-requests": ProblemType(
        429, "Too many requests", "Wait as long as `Retry-After` says; `RateLimit` gives the remaining quota."
    ),
    "internal-error": ProblemType(
        500,
        "Internal error",
        "Send it again with the same Idempotency-Key; if it fails repeatedly, report its `instance`.",
    ),
    "database-unavailable": ProblemType(
        503,
        "Database unavailable",
        "Wait as long as `Retry-After` says, then send it again with the same Idempotency-Key or event IDs.",
    ),
}
