from billing.models.periods import Period
from billing.models.subscriptions import Coverage, Subscription
from billing.models.usage import BilledUsage, Counter, Event, Hour, Rollup, Series, UnbilledUsage

__all__ = [
    "BilledUsage",
    "Counter",
    "Coverage",
    "Event",
    "Hour",
    "Period",
    "Rollup",
    "Series",
    "Subscription",
    "UnbilledUsage",
]
