"""
Approval by a second person: which acts need it, requests, and decisions. docs/approvals.md

An interface describes the request of a person as an `Act` and calls `perform`, which carries it out or stores an
approval request.
"""

from access.approvals.acts import Act, ActFacts, Requester
from access.approvals.requests import (
    ApprovalNeeded,
    ApprovalRefused,
    approve,
    expire_due,
    find_waiting_request,
    perform,
    perform_unless_approval_is_needed,
    reject,
    withdraw,
)

__all__ = [
    "Act",
    "ActFacts",
    "ApprovalNeeded",
    "ApprovalRefused",
    "Requester",
    "approve",
    "expire_due",
    "find_waiting_request",
    "perform",
    "perform_unless_approval_is_needed",
    "reject",
    "withdraw",
]
