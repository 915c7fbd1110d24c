"""What an act contributes to the page of its approval request, beyond its frozen facts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from access.models import ApprovalRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContent:
    """
    The content of a request as its act shows it.

    template: rendered with `context` in place of the frozen facts. approve: the button, in words such as
    “Approve and schedule for December 1”. checks: (holds, sentence) that the approver should read.
    """

    template: str
    approve: str
    context: dict[str, Any]
    checks: list[tuple[bool, str]] = field(default_factory=list)


CONTENTS: dict[str, Callable[[ApprovalRequest], RequestContent | None]] = {}
"""
Name of an act → a function that returns the content of a waiting request for it, or None for its frozen facts.

The apps that define acts add their own: this app is below them.
"""


def read_content(request: ApprovalRequest) -> RequestContent | None:
    """Return the content of a waiting request; a decided one shows the facts that were decided about."""
    read = CONTENTS.get(request.act)
    return read(request) if read is not None else None
