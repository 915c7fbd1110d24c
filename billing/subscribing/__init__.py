"""Subscribe customers to plan versions, keep their periods coming, and end them: docs/closing.md#periods."""

from billing.subscribing.cancelling import CancellationRefused, GiveBack, cancel, uncancel
from billing.subscribing.changing import ChangeRefused, change_plan
from billing.subscribing.covering import FeatureAlreadyPriced, SubscriptionRefused
from billing.subscribing.drafting import activate, discard, draft
from billing.subscribing.ending import end_finished
from billing.subscribing.extending import extend_customers, extend_periods
from billing.subscribing.holding import QuantityRefused, set_quantity
from billing.subscribing.overriding import OverrideRefused, end_override, override
from billing.subscribing.pausing import PauseRefused, follow_pauses, pause, resume
from billing.subscribing.redeeming import CouponRefused, apply_coupon, remove_coupon
from billing.subscribing.revoking import RevocationRefused, revoke
from billing.subscribing.scheduling import change_at, schedule_change
from billing.subscribing.starting import start
from billing.subscribing.trialing import TrialRefused, end_trial, extend_trial, leave_trials

__all__ = [
    "CancellationRefused",
    "ChangeRefused",
    "CouponRefused",
    "FeatureAlreadyPriced",
    "GiveBack",
    "OverrideRefused",
    "PauseRefused",
    "QuantityRefused",
    "RevocationRefused",
    "SubscriptionRefused",
    "TrialRefused",
    "activate",
    "apply_coupon",
    "cancel",
    "change_at",
    "change_plan",
    "discard",
    "draft",
    "end_finished",
    "end_override",
    "end_trial",
    "extend_customers",
    "extend_periods",
    "extend_trial",
    "follow_pauses",
    "leave_trials",
    "override",
    "pause",
    "remove_coupon",
    "resume",
    "revoke",
    "schedule_change",
    "set_quantity",
    "start",
    "uncancel",
]
