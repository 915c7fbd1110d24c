"""Turn periods that are over into issued invoices, once each: docs/closing.md."""

from billing.closing.late_usage.late_invoices import close_late
from billing.closing.period_close import ClosingFailed, close_due, close_one
from billing.closing.preview import (
    NothingToBill,
    preview,
    preview_before,
    preview_cancellation,
    preview_change,
    preview_pause,
    preview_trial_end,
)
from billing.closing.regeneration import CannotRegenerate, preview_regenerated, regenerate
from billing.closing.result import Closed, Failure, PeriodNotOver
from billing.closing.threshold_billing import bill_progress

__all__ = [
    "CannotRegenerate",
    "Closed",
    "ClosingFailed",
    "Failure",
    "NothingToBill",
    "PeriodNotOver",
    "bill_progress",
    "close_due",
    "close_late",
    "close_one",
    "preview",
    "preview_before",
    "preview_cancellation",
    "preview_change",
    "preview_pause",
    "preview_regenerated",
    "preview_trial_end",
    "regenerate",
]
