"""Mark subscriptions as ended once everything about them is billed."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from billing.models import Period, Subscription
from billing.models.periods import PeriodState
from billing.models.subscriptions import RUNNING, SubscriptionState


def end_finished(*, at: datetime, subscription_ids: Sequence[int] | None = None) -> int:
    """
    Mark the subscriptions that are over, and whose periods are all closed, as ended; return how many.

    subscription_ids: look at these only. It is a statement of its own and never part of a close, which holds periods
    locked and must not wait for a subscription whose cancellation waits for its periods.
    """
    still_open = Period.objects.filter(subscription=OuterRef("pk"), state=PeriodState.OPEN)
    over = Subscription.objects.filter(
        Q() if subscription_ids is None else Q(pk__in=subscription_ids),
        ~Exists(still_open),
        state__in=[*RUNNING, SubscriptionState.CANCELLED],
        ends_at__lte=at,
    )
    return over.update(state=SubscriptionState.ENDED)
