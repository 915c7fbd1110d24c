"""Staff pages of the systems that records are pushed to."""

from billing.admin.adapters import records, targets

__all__ = ["records", "targets"]
