"""Logs: plain lines in UTC, without personal data."""

import logging
import re
import time

# PostgreSQL quotes the values of a rejected row, which may be a customer's. The text after a DETAIL that is not part
# of it begins with one of these.
DETAIL = re.compile(
    r"^DETAIL:.*?(?=^(?:HINT|CONTEXT|LINE \d+|Traceback|  File|The above exception|During handling)|\Z)",
    re.M | re.S,
)


class PlainFormatter(logging.Formatter):
    """`2026-11-21T06:00:00Z WARNING billing.closing: …`"""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        return DETAIL.sub("DETAIL: (left out)\n", super().format(record))
