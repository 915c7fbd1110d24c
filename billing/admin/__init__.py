"""Staff pages of what was used and when it is billed; pages of lower apps that show it are finished here too."""

from billing.admin import (
    caps,
    changes,
    commitments,
    corrections,
    coupons,
    customers,
    events,
    jobs,
    meters,
    overrides,
    periods,
    reservations,
    subscriptions,
    unbilled,
    versions,
    wallets,
)

__all__ = [
    "caps",
    "changes",
    "commitments",
    "corrections",
    "coupons",
    "customers",
    "events",
    "jobs",
    "meters",
    "overrides",
    "periods",
    "reservations",
    "subscriptions",
    "unbilled",
    "versions",
    "wallets",
]
