"""Reservations for upcoming usage: held against every limit, then committed, released or lapsed."""

from billing.limits.reservations.commit import commit
from billing.limits.reservations.reservation import lapse_due, release, reserve

__all__ = ["commit", "lapse_due", "release", "reserve"]
