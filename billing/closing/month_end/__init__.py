"""What is to be done before a month is locked, and the lock itself: docs/closing.md#checklist."""

from billing.closing.month_end.checklist import Point, checklist
from billing.closing.month_end.month_lock import lock

__all__ = ["Point", "checklist", "lock"]
