"""Correct usage: void an event or replace it by another. docs/metering.md#corrections."""

from billing.metering.corrections.usage_correction import NothingCorrected, correct_usage
from billing.metering.corrections.validation import CorrectionOutcome, CorrectionRequest

__all__ = ["CorrectionOutcome", "CorrectionRequest", "NothingCorrected", "correct_usage"]
