"""Let a period that was cut short end where it would have ended."""

from datetime import datetime

from billing.models import Period, Subscription
from billing.models.periods import Settling
from billing.subscriptions.periods.boundaries import TICK, anchor_of, spans
from plans.catalog.stored_terms import terms_of


def lengthen(subscription: Subscription, period: Period) -> None:
    """
    Let an open period, which the caller holds locked, last to where its interval ends; that of a trial as the trial.

    What was claimed in advance of it is reckoned anew when it is closed, since that may have been for less.
    """
    ends_at = min(filter(None, [_natural_end(subscription, period), subscription.ends_at]))
    if ends_at == period.ends_at:
        return
    grace = subscription.customer.seller.grace
    period.ends_at, period.due_at = ends_at, ends_at + grace
    period.settles = "" if period.is_trial else Settling.CHARGE
    period.revision += 1
    period.save(update_fields=["ends_at", "due_at", "settles", "revision"])


def _natural_end(subscription: Subscription, period: Period) -> datetime | None:
    if period.is_trial:
        return subscription.trial_ends_at
    terms = terms_of(period.version_id, subscription.currency)
    anchor = anchor_of(terms, anchor_at=subscription.anchor_at, time_zone=subscription.customer.time_zone)
    return spans(anchor, start=period.starts_at, until=period.starts_at + TICK, end=None)[0][1]
