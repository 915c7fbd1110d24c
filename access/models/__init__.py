from access.models.approvals import ApprovalLimit, ApprovalRequest, ApprovalRule, CountedAct
from access.models.rate_limits import RateLimitBucket
from access.models.sign_in import SignInFailure

__all__ = [
    "ApprovalLimit",
    "ApprovalRequest",
    "ApprovalRule",
    "CountedAct",
    "RateLimitBucket",
    "SignInFailure",
]
