"""Restore the end of a shortened period."""

from datetime import datetime

from billing.models import Period, Subscription
from billing.models.periods import SettlementMethod
from billing.subscriptions.periods.boundaries import TICK, period_anchor, period_intervals
from plans.catalog.stored_terms import load_terms


def restore_period(subscription: Subscription, period: Period) -> None:
    """
    Extend an open period, which the caller has locked, to the end of its interval; a trial to the end of the trial.

    Closing the period settles the advance fees again, because less may have been charged for the shorter period.
    """
    ends_at = min(filter(None, [_regular_end(subscription, period), subscription.ends_at]))
    if ends_at == period.ends_at:
        return
    grace = subscription.seller.grace
    period.ends_at, period.due_at = ends_at, ends_at + grace
    period.settles = "" if period.is_trial else SettlementMethod.CHARGE
    period.revision += 1
    period.save(update_fields=["ends_at", "due_at", "settles", "revision"])


def _regular_end(subscription: Subscription, period: Period) -> datetime | None:
    if period.is_trial:
        return subscription.trial_ends_at
    terms = load_terms(period.version_id, subscription.currency)
    anchor = period_anchor(
        terms, anchor_at=period.anchor_at or subscription.anchor_at, time_zone=subscription.customer.time_zone
    )
    return period_intervals(anchor, start=period.starts_at, until=period.starts_at + TICK, end=None)[0].end
