"""Logs: plain lines in UTC, without personal data and secrets; no text from outside can begin a line."""

import logging
import re
import time

# PostgreSQL quotes the values of a rejected row, which may be a customer's. The text after a DETAIL that is not part
# of it begins with one of these.
DETAIL = re.compile(
    r"^DETAIL:.*?(?=^(?:HINT|CONTEXT|LINE \d+|Traceback|  File|The above exception|During handling)|\Z)",
    re.M | re.S,
)

CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
# Links that sign in or open a file. Django logs the path of each refused request.
LINK_SECRET = re.compile(r"(/portal/enter/|/embed/|/account/password/link/|/invoices/)[^\s/?]{20,}")


class PlainFormatter(logging.Formatter):
    """`2026-11-21T06:00:00Z WARNING billing.closing: …`; after a request's message, who sent it."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        return LINK_SECRET.sub(r"\1(left out)", DETAIL.sub("DETAIL: (left out)\n", super().format(record)))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record, with its line breaks and other control characters escaped."""
        record.message = DETAIL.sub("DETAIL: (left out)\n", record.message).rstrip() + sender(record)
        return CONTROL.sub(lambda match: ascii(match[0])[1:-1], super().formatMessage(record))


def sender(record: logging.LogRecord) -> str:
    """Return the user and the id of the request that a record is about, if it is about one; no names or addresses."""
    request = getattr(record, "request", None)
    # A session that no view has read stays unread: the log must not query a database that may be unreachable.
    user = getattr(request, "_cached_user", None)
    facts = {"user": getattr(user, "pk", None), "request": getattr(request, "request_id", None)}
    return "".join(f" {name}={value}" for name, value in facts.items() if value)
