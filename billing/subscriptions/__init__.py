"""
Subscribe customers to plan versions, generate their billing periods, and end their subscriptions:
docs/closing.md#periods.
"""

from billing.subscriptions.lifecycle.cancellation import CancellationRefused, UnusedTimeSettlement, cancel, uncancel
from billing.subscriptions.lifecycle.completion import end_finished
from billing.subscriptions.lifecycle.creation import start
from billing.subscriptions.lifecycle.drafts import activate, discard, draft
from billing.subscriptions.lifecycle.pauses import PauseRefused, apply_due_pauses, pause, resume
from billing.subscriptions.lifecycle.trials import TrialRefused, complete_trials, end_trial, extend_trial
from billing.subscriptions.periods.generation import generate_customer_periods, generate_periods
from billing.subscriptions.plan_changes.plan_change import BillingPeriodChoice, ChangeRefused, change_plan
from billing.subscriptions.plan_changes.revocation import RevocationRefused, revoke
from billing.subscriptions.plan_changes.schedule import change_at, schedule_change
from billing.subscriptions.terms.coupon_refusals import CouponRefused
from billing.subscriptions.terms.coupons import apply_coupon, apply_customer_coupon, remove_coupon
from billing.subscriptions.terms.feature_coverage import FeatureAlreadyPriced, SubscriptionRefused
from billing.subscriptions.terms.price_overrides import OverrideRefused, end_override, override
from billing.subscriptions.terms.promotion_codes import redeem_code
from billing.subscriptions.terms.quantities import QuantityRefused, set_quantity

__all__ = [
    "BillingPeriodChoice",
    "CancellationRefused",
    "ChangeRefused",
    "CouponRefused",
    "FeatureAlreadyPriced",
    "OverrideRefused",
    "PauseRefused",
    "QuantityRefused",
    "RevocationRefused",
    "SubscriptionRefused",
    "TrialRefused",
    "UnusedTimeSettlement",
    "activate",
    "apply_coupon",
    "apply_customer_coupon",
    "apply_due_pauses",
    "cancel",
    "change_at",
    "change_plan",
    "complete_trials",
    "discard",
    "draft",
    "end_finished",
    "end_override",
    "end_trial",
    "extend_trial",
    "generate_customer_periods",
    "generate_periods",
    "override",
    "pause",
    "redeem_code",
    "remove_coupon",
    "resume",
    "revoke",
    "schedule_change",
    "set_quantity",
    "start",
    "uncancel",
]
