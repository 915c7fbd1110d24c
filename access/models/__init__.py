from access.models.approvals import ApprovalLimit, ApprovalRequest, ApprovalRule, CountedAct
from access.models.audit_log import (
    AccountEvent,
    AuditEntry,
    AuditErasure,
    AuditFeed,
    AuditFormat,
    AuditRemoval,
    AuditSeal,
    AuditSource,
)
from access.models.rate_limits import RateLimitBucket
from access.models.saved_views import SavedView
from access.models.sign_in import SignInFailure

__all__ = [
    "AccountEvent",
    "ApprovalLimit",
    "ApprovalRequest",
    "ApprovalRule",
    "AuditEntry",
    "AuditErasure",
    "AuditFeed",
    "AuditFormat",
    "AuditRemoval",
    "AuditSeal",
    "AuditSource",
    "CountedAct",
    "RateLimitBucket",
    "SavedView",
    "SignInFailure",
]
