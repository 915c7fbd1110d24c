"""Announce new and changed customers. The announcement names the changed fields without their values."""

from collections.abc import Collection
from datetime import datetime

from customers.models import Customer
from customers.notifications import announce


def announce_customer_created(customer: Customer, *, at: datetime) -> None:
    """Announce a new customer, in the transaction that created it."""
    facts = {"seller": customer.seller.code, "currency": str(customer.currency), "country": customer.country}
    announce(
        kind="customer.created", customer_id=customer.pk, facts=facts, key=f"customer:{customer.pk}:created", at=at
    )


def announce_customer_updated(customer: Customer, changed: Collection[str], *, at: datetime) -> None:
    """Announce that fields or contacts of a customer changed; nothing if `changed` is empty."""
    if changed:
        announce(
            kind="customer.updated",
            customer_id=customer.pk,
            facts={"changed": ", ".join(sorted(changed))},
            key=f"customer:{customer.pk}:updated:{'+'.join(sorted(changed))[:80]}:{at.isoformat()}",
            at=at,
        )
