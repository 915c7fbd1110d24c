"""The interface of all adapters, with the records that they send and the ways in which a try can fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Protocol

import msgspec

# Amounts are sent as numbers with all their digits, which a float would not have.
_ENCODER = msgspec.json.Encoder(decimal_format="number", order="deterministic")


def encode(body: Any) -> bytes:
    """Return a value as JSON; equal values give equal bytes."""
    return _ENCODER.encode(body)


@dataclass(frozen=True, slots=True)
class OurRecord:
    """
    A row of ours as a target gets it.

    kind: see `RecordKind`. row_id: the row. our_id: the id by which the target can find it.
    content: equal content is not sent again. parent_id: the target's id of the record it belongs to.
    is_obsolete: whether the target needs the record only if it has it already.
    """

    kind: str
    row_id: int
    our_id: str
    content: Mapping[str, Any]
    parent_id: str = ""
    is_obsolete: bool = False

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, as hexadecimal digits."""
        return sha256(encode([self.our_id, self.content, self.parent_id])).hexdigest()


class RecordRefused(Exception):
    """The target refuses this content for good; the text gives its reason."""


class TryFailed(Exception):
    """
    The try failed, or it is unclear whether it succeeded; the record is sent again later.

    pause: how long nothing else is sent to the target.
    """

    def __init__(self, reason: str, *, pause: timedelta = timedelta(0)) -> None:
        super().__init__(reason)
        self.pause = pause


class TargetBlocked(Exception):
    """The target takes no record for some time: a rate limit, or rejected credentials. No record is to blame."""

    def __init__(self, reason: str, *, pause: timedelta) -> None:
        super().__init__(reason)
        self.pause = pause


class Adapter(Protocol):
    """
    What every target can do. Each request may be repeated.

    Both calls raise `RecordRefused`, `TryFailed` or `TargetBlocked`.
    """

    def look_up(self, record: OurRecord) -> str:
        """Return the target's id of the record with our id; empty if it has none."""
        ...

    def upsert(self, record: OurRecord, *, remote_id: str, key: str) -> str:
        """
        Create the record, or update the one with this id, and return its id; empty if it no longer exists.

        key: the same for each try to send the same content, for targets that take an idempotency key.
        """
        ...

    def report(self, answer: str) -> str:
        """Return why the target refused a request, in its own words. answer: the beginning of a response's body."""
        ...
