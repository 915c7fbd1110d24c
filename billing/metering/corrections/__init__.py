"""Put usage right: take back an event, or put another one in its place. docs/metering.md#corrections."""

from billing.metering.corrections.usage_correction import NothingCorrected, correct
from billing.metering.corrections.validation import Outcome, Wanted

__all__ = ["NothingCorrected", "Outcome", "Wanted", "correct"]
