"""Rebuild the buckets of quotas and throttles of a subscription whose usage was counted again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from billing.metering.ingest.event_contributions import read_contributions
from billing.metering.ingest.event_reader import read_pages
from billing.metering.ingest.event_recorder import add_limited_event
from billing.metering.store.usage_buckets import CountedUses, add_uses
from billing.models import CapBucket, Subscription, UsageBucket

REACH = timedelta(days=31)
"""How far back the longest window of a quota reads."""


def rebuild_buckets(*, subscription: Subscription, names: Sequence[str], at: datetime) -> None:
    """
    Replace the buckets of a subscription by those of its recent events, whose periods the caller holds locked.

    names: names of the events that meters count.
    """
    of_caps = Q(cap__subscription=subscription) | Q(cap__customer=subscription.customer_id)
    UsageBucket.objects.filter(subscription=subscription).delete()
    cap_ids = set(CapBucket.objects.filter(of_caps).values_list("cap", flat=True))
    CapBucket.objects.filter(of_caps).delete()
    pages = read_pages(
        customer_id=subscription.customer_id,
        names=names,
        since=at - REACH,
        until=datetime.max.replace(tzinfo=at.tzinfo),
    )
    for rows in pages:
        uses = CountedUses()
        for contributions in read_contributions(rows):
            values = [(part.stop.limits, part.value) for part in contributions.contributions]
            is_counted = contributions.correction_sequence is None
            add_limited_event(uses, values, contributions.row.occurred_at, is_counted=is_counted)
        uses.of_features = {
            key: total for key, total in uses.of_features.items() if key[0].subscription_id == subscription.pk
        }
        uses.of_caps = {key: events for key, events in uses.of_caps.items() if key[0] in cap_ids}
        add_uses(uses)
