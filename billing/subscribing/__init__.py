"""Subscribe customers to plan versions, keep their periods coming, and end them: docs/closing.md#periods."""

from billing.subscribing.cancelling import CancellationRefused, cancel
from billing.subscribing.ending import end_finished
from billing.subscribing.extending import extend_customers, extend_periods
from billing.subscribing.starting import FeatureAlreadyPriced, SubscriptionRefused, start

__all__ = [
    "CancellationRefused",
    "FeatureAlreadyPriced",
    "SubscriptionRefused",
    "cancel",
    "end_finished",
    "extend_customers",
    "extend_periods",
    "start",
]
