"""Convert the wallets of a customer that a migration moves, and back: docs/migration.md#wallets."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from billing.models import MigrationItem
from wallets.ledger import conversion
from wallets.ledger.wallet_lookup import find_or_open_wallet
from wallets.models import Wallet

By = AbstractBaseUser | None


def convert_wallets(one: MigrationItem, *, at: datetime, by: By) -> None:
    """
    Convert what the customer's wallets of the migration's unit hold; a customer who has two moves is converted once.

    :raises CannotConvert: if what lots cost stands in two currencies.
    """
    for wallets in _wallets(one, at):
        conversion.convert(**wallets, rate=one.migration.rate, **_named(one), at=at, by=by)


def convert_wallets_back(one: MigrationItem, *, at: datetime, by: By) -> None:
    """
    Undo that.

    :raises CannotConvert: if some of what it made is used.
    """
    for wallets in _wallets(one, at):
        conversion.revert_conversion(**wallets, **_named(one), at=at, by=by)


def _wallets(one: MigrationItem, at: datetime) -> Iterator[dict[str, int]]:
    migration, customer_id = one.migration, one.subscription.customer_id
    held = Wallet.objects.filter(customer=customer_id, unit=migration.from_unit, closed_at__isnull=True)
    for source in held.order_by("pk"):
        target = find_or_open_wallet(customer_id=customer_id, unit=migration.to_unit, at=at)
        yield {"from_id": source.pk, "to_id": target.pk}


def _named(one: MigrationItem) -> dict[str, str]:
    return {"reference": f"migration:{one.migration_id}", "reason": one.migration.title}
