"""Sums to subtract from counters and rollups for voided events, computed by ingest's own aggregation and so exact."""

from collections.abc import Iterable

from billing.metering.ingest.event_contributions import EventContributions
from billing.metering.ingest.event_recorder import EventGroup, UsageTotals, add_group


def sum_contributions(wrong: Iterable[EventContributions]) -> UsageTotals:
    """Return the totals of these events' contributions, in the caller's exact context."""
    totals = UsageTotals()
    for contributions in wrong:
        if contributions.contributions:
            stops = tuple(part.stop for part in contributions.contributions)
            values = [part.value for part in contributions.contributions]
            route = contributions.attribution.route._replace(stops=stops)
            add_group(
                EventGroup(
                    route,
                    contributions.attribution.bucket,
                    [contributions.event],
                    [values],
                    int(contributions.row.digest, 16),
                ),
                totals,
            )
    return totals
