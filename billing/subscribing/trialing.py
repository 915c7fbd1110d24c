"""The time before a subscription's first fees: docs/closing.md#trials."""

from datetime import datetime

from billing.models import Period, Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscribing.covering import SubscriptionRefused
from billing.subscribing.edges import days_after
from customers.models import Customer
from plans.bounds import MOST_TRIAL_DAYS
from plans.models import PlanVersion
from plans.trail import change

CHUNK = 1_000


def trial_end(customer: Customer, version: PlanVersion, *, starts_at: datetime, days: int | None) -> datetime | None:
    """
    Return when the trial of a new subscription ends, by its customer's clocks; None if it has none.

    days: as agreed with the customer; when absent, the version's, unless the customer had a trial of the plan before.

    :raises SubscriptionRefused: if it would be longer than a trial may be.
    """
    if days is None:
        had = Period.objects.filter(subscription__customer=customer, is_trial=True, version__plan=version.plan_id)
        days = 0 if not version.trial_days or had.exists() else version.trial_days
    if not 0 <= days <= MOST_TRIAL_DAYS:
        raise SubscriptionRefused(f"A trial lasts 0 to {MOST_TRIAL_DAYS} days, not {days}.")
    return days_after(starts_at, days, time_zone=customer.time_zone) if days else None


def leave_trials(*, at: datetime, limit: int = CHUNK) -> int:
    """
    Mark the subscriptions whose trial is over as active; return how many were.

    Periods say what is due, so a state that lags behind bills nothing wrong. May run twice, or several times at once.
    """
    left = 0
    while True:
        with change("trial is over", by=None, at=at):
            over = Subscription.objects.filter(state=SubscriptionState.TRIALING, trial_ends_at__lte=at).order_by("pk")
            ids = list(over.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)[:limit])
            Subscription.objects.filter(pk__in=ids).update(state=SubscriptionState.ACTIVE)
        left += len(ids)
        if len(ids) < limit:
            return left
