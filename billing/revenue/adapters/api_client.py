"""Requests to a target's JSON API, with each kind of failure as an exception."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from billing.revenue.adapters.adapter import RecordRefused, TargetBlocked, TryFailed, encode
from customers.notifications.http_client import AddressRefused, HttpAnswer, Unreachable, exchange

# Xero answers with the whole invoice; ours have a few thousand lines at most.
MAX_READ = 4 * 1024 * 1024
UNREACHABLE_PAUSE = timedelta(seconds=30)
"""Pause after no answer, so that a target that hangs does not occupy the workers."""

RATE_LIMIT_PAUSE = timedelta(minutes=1)
"""Pause after 429 without Retry-After."""

LONGEST_PAUSE = timedelta(hours=24)
REJECTED_PAUSE = timedelta(minutes=15)
"""Pause after the credentials or the address were rejected; a person who corrects and saves them ends it."""

_REJECTED = (401, 403)
# 409: another request is changing the record, or created it just now; the next try looks it up.
_RETRIED = (408, 409, 425)
_NOT_FOUND = (404, 410)


class ApiClient:
    """A target's API. authorize: returns the headers of each request. report: see `Adapter.report`."""

    def __init__(
        self, base_url: str, *, authorize: Callable[[], Mapping[str, str]], report: Callable[[str], str]
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._authorize, self._report = authorize, report

    def send(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """
        Return the JSON of a successful response; None if the address does not exist.

        :raises RecordRefused, TryFailed, TargetBlocked: see there.
        """
        all_headers = {"Accept": "application/json", **self._authorize(), **(headers or {})}
        if body is not None:
            all_headers["Content-Type"] = "application/json"
        answer = request(
            method,
            f"{self._base_url}{path}",
            content=b"" if body is None else encode(body),
            headers=all_headers,
            report=self._report,
        )
        return None if answer.status in _NOT_FOUND else decode(answer)


def request(
    method: str, url: str, *, content: bytes, headers: dict[str, str], report: Callable[[str], str]
) -> HttpAnswer:
    """
    Return a response that is a success, or says that the address does not exist.

    :raises RecordRefused, TryFailed, TargetBlocked: for all others.
    """
    try:
        answer = exchange(method, url, content=content, headers=headers, max_read=MAX_READ)
    except AddressRefused as error:
        raise TargetBlocked(str(error), pause=REJECTED_PAUSE) from error
    except Unreachable as error:
        raise TryFailed(str(error), pause=UNREACHABLE_PAUSE) from error
    status = answer.status
    if 200 <= status < 300 or status in _NOT_FOUND:
        return answer
    reason = f"{status}: {report(answer.text) or 'no reason given'}"
    if status == 429:
        requested = timedelta(seconds=answer.retry_after)
        raise TargetBlocked(reason, pause=min(requested or RATE_LIMIT_PAUSE, LONGEST_PAUSE))
    if status in _REJECTED:
        raise TargetBlocked(reason, pause=REJECTED_PAUSE)
    if status in _RETRIED or status >= 500:
        raise TryFailed(reason, pause=min(timedelta(seconds=answer.retry_after), LONGEST_PAUSE))
    raise RecordRefused(reason)


def decode(answer: HttpAnswer) -> Any:
    """
    Return the JSON of a successful response; an empty object if it has no body.

    :raises TryFailed: if it is not complete JSON, so that it is unclear what the target did.
    """
    try:
        return msgspec.json.decode(answer.text) if answer.text else {}
    except msgspec.DecodeError as error:
        raise TryFailed(f"{answer.status}: the answer is not complete JSON.") from error


def text_at(answer: Any, *path: str | int) -> str:
    """
    Return the text or number at a path of names and positions within JSON.

    :raises TryFailed: if there is none, so that it is unclear what the target did.
    """
    try:
        for step in path:
            answer = answer[step]
    except (KeyError, IndexError, TypeError) as error:
        raise TryFailed(f"The answer has no {'.'.join(map(str, path))}.") from error
    if not isinstance(answer, str | int) or not str(answer):
        raise TryFailed(f"The answer has no {'.'.join(map(str, path))}.")
    return str(answer)
