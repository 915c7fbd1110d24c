"""Turn periods that are over into issued invoices, once each: docs/closing.md."""

from billing.closing.late import close_late
from billing.closing.operation import ClosingFailed, close_due, close_one
from billing.closing.outcome import Closed, Failure, PeriodNotOver
from billing.closing.preview import (
    NothingToBill,
    preview,
    preview_before,
    preview_cancellation,
    preview_change,
    preview_pause,
    preview_trial_end,
)
from billing.closing.progressive import bill_progress
from billing.closing.regenerating import CannotRegenerate, preview_regenerated, regenerate

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
