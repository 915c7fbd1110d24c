"""Put usage right: take back an event, or put another one in its place. docs/metering.md#corrections."""

from billing.metering.corrections.usage_correction import NothingCorrected, correct_usage
from billing.metering.corrections.validation import CorrectionOutcome, CorrectionRequest

__all__ = ["CorrectionOutcome", "CorrectionRequest", "NothingCorrected", "correct_usage"]
