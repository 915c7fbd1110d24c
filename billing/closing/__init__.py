"""Close ended periods and issue their invoices, once each: docs/closing.md."""

from billing.closing.close_result import CloseFailure, CloseSummary, PeriodNotOver
from billing.closing.late_usage.late_invoices import bill_late_usage
from billing.closing.period_close import ClosingFailed, close_due, close_period
from billing.closing.preview import (
    NothingToBill,
    preview,
    preview_cancellation,
    preview_change,
    preview_ended_part,
    preview_pause,
    preview_trial_end,
)
from billing.closing.regeneration import CannotRegenerate, preview_regeneration, regenerate
from billing.closing.threshold_billing import bill_reached_thresholds

__all__ = [
    "CannotRegenerate",
    "CloseFailure",
    "CloseSummary",
    "ClosingFailed",
    "NothingToBill",
    "PeriodNotOver",
    "bill_late_usage",
    "bill_reached_thresholds",
    "close_due",
    "close_period",
    "preview",
    "preview_cancellation",
    "preview_change",
    "preview_ended_part",
    "preview_pause",
    "preview_regeneration",
    "preview_trial_end",
    "regenerate",
]
