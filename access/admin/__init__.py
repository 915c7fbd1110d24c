"""Staff pages of approvals."""

from access.admin import approval_requests, approval_rules

__all__ = ["approval_requests", "approval_rules"]
