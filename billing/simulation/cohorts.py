"""Whose past is simulated: running subscriptions of a plan or a version, of all customers or of some, by chunks."""

from collections.abc import Sequence

import msgspec
from django.db import connection
from django.db.models import QuerySet

from billing.models import Subscription


class Cohort(msgspec.Struct, frozen=True):
    """
    Running subscriptions, live or of the sandbox.

    plan_id, version_id: those on it; None = on any. customers: external ids of those whose they are; none for all.
    """

    sandbox: bool = False
    plan_id: int | None = None
    version_id: int | None = None
    customers: tuple[str, ...] = ()

    def subscriptions(self) -> QuerySet[Subscription]:
        found = Subscription.objects.running().filter(sandbox=self.sandbox)
        if self.plan_id is not None:
            found = found.filter(version__plan=self.plan_id)
        if self.version_id is not None:
            found = found.filter(version=self.version_id)
        if self.customers:
            found = found.filter(customer__external_id__in=self.customers)
        return found


_CLOSED = """
SELECT last.id FROM unnest(%s::bigint[]) AS asked(subscription) CROSS JOIN LATERAL (
    SELECT id FROM billing_period WHERE subscription_id = asked.subscription AND kind = 'regular'
        AND state = 'closed' AND NOT is_trial ORDER BY starts_at DESC LIMIT %s
) last
"""
_RUNNING = """
SELECT id FROM billing_period WHERE subscription_id = ANY(%s) AND kind = 'regular' AND state = 'open'
    AND starts_at <= %s AND ends_at > %s
"""


def periods_of(subscription_ids: Sequence[int], *, last: int, running_at: object) -> list[int]:
    """Return the last so many closed periods of each subscription, trials aside; the one that runs where it is 0."""
    ids = list(subscription_ids)
    with connection.cursor() as cursor:
        cursor.execute(*((_CLOSED, [ids, last]) if last else (_RUNNING, [ids, running_at, running_at])))
        return [id_ for (id_,) in cursor.fetchall()]
