"""What events gave to counters and rollups, to be taken back: folded by what ingest folds with, so exactly that."""

from collections.abc import Iterable

from billing.metering.ingest.event_contributions import EventContributions
from billing.metering.ingest.event_recorder import EventGroup, UsageTotals, add_group


def sum_contributions(wrong: Iterable[EventContributions]) -> UsageTotals:
    """Return the sums of what these events gave, in the caller's exact context."""
    folded = UsageTotals()
    for one in wrong:
        if one.contributions:
            stops = tuple(part.stop for part in one.contributions)
            values = [part.value for part in one.contributions]
            route = one.attribution.route._replace(stops=stops)
            add_group(
                EventGroup(route, one.attribution.bucket, [one.event], [values], int(one.row.digest, 16)), folded
            )
    return folded
