"""Use that is about to happen: held against every limit, then committed, released, or lapsed."""

from billing.reserving.committing import commit
from billing.reserving.operation import lapse_due, release, reserve

__all__ = ["commit", "lapse_due", "release", "reserve"]
