"""What events gave to counters and rollups, to be taken back: folded by what ingest folds with, so exactly that."""

from collections.abc import Iterable

from billing.metering.ingest.event_contributions import Given
from billing.metering.ingest.event_recorder import Folded, Group, fold_group


def taken_back(wrong: Iterable[Given]) -> Folded:
    """Return the sums of what these events gave, in the caller's exact context."""
    folded = Folded()
    for one in wrong:
        if one.parts:
            stops = tuple(part.stop for part in one.parts)
            values = [part.value for part in one.parts]
            route = one.found.route._replace(stops=stops)
            fold_group(Group(route, one.found.bucket, [one.event], [values], int(one.row.digest, 16)), folded)
    return folded
