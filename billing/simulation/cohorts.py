"""Cohorts of a simulation: the running subscriptions, and the periods of each chunk of them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db.models import QuerySet

from billing.models import Subscription
from lib import sql


class Cohort(msgspec.Struct, frozen=True):
    """
    Running subscriptions, live or sandbox.

    plan_id, version_id: only subscriptions on that plan or version; None means any. customers: only subscriptions of
    customers with these external ids; empty means all.
    """

    sandbox: bool = False
    plan_id: int | None = None
    version_id: int | None = None
    customers: tuple[str, ...] = ()

    def subscriptions(self) -> QuerySet[Subscription]:
        rules = {
            "version__plan": self.plan_id,
            "version": self.version_id,
            "customer__external_id__in": self.customers,
        }
        subscriptions = Subscription.objects.running().filter(sandbox=self.sandbox)
        return subscriptions.filter(**{name: value for name, value in rules.items() if value not in (None, ())})


_CLOSED = """
SELECT last.id FROM unnest(%s::bigint[]) AS cohort(subscription) CROSS JOIN LATERAL (
    SELECT id FROM billing_period WHERE subscription_id = cohort.subscription AND kind = 'regular'
        AND state = 'closed' AND NOT is_trial ORDER BY starts_at DESC LIMIT %s
) last
"""
_RUNNING = """
SELECT id FROM billing_period WHERE subscription_id = ANY(%s) AND kind = 'regular' AND state = 'open'
    AND starts_at <= %s AND ends_at > %s
"""


def read_period_ids(subscription_ids: Sequence[int], *, count: int, running_at: datetime) -> list[int]:
    """
    Return the last `count` closed periods of each subscription, without trials; with 0, the period open at
    `running_at`.
    """
    ids = list(subscription_ids)
    if count:
        return sql.fetch_column(_CLOSED, [ids, count])
    return sql.fetch_column(_RUNNING, [ids, running_at, running_at])
