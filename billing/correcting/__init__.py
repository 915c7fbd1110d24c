"""Put usage right: take back an event, or put another one in its place. docs/metering.md#corrections."""

from billing.correcting.judging import Outcome, Wanted
from billing.correcting.operation import NothingCorrected, correct

__all__ = ["NothingCorrected", "Outcome", "Wanted", "correct"]
