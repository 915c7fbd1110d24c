"""What several checks need and none should compute twice."""

from functools import cached_property

from billing.audit.amounts.usage_lines import Rerating, rerate
from billing.audit.usage.recount import Recount, recount


class Books:
    """The books at one moment, read by one audit."""

    @cached_property
    def recount(self) -> Recount:
        """All events, attributed and counted anew."""
        return recount()

    @cached_property
    def rerating(self) -> Rerating:
        """All usage lines, rated anew from their snapshots."""
        return rerate()
