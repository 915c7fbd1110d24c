"""The month-end checklist and the month lock: docs/closing.md#checklist."""

from billing.revenue.month_end.checklist import ChecklistPoint, read_checklist
from billing.revenue.month_end.month_lock import lock_checked_month

__all__ = ["ChecklistPoint", "lock_checked_month", "read_checklist"]
