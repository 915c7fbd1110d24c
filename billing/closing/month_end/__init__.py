"""What is to be done before a month is locked, and the lock itself: docs/closing.md#checklist."""

from billing.closing.month_end.checklist import ChecklistPoint, read_checklist
from billing.closing.month_end.month_lock import lock_checked_month

__all__ = ["ChecklistPoint", "lock_checked_month", "read_checklist"]
