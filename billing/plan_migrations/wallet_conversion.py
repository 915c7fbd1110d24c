"""Convert the wallets of a migrated customer, and revert it: docs/migration.md#wallets."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import User

from billing.models import MigrationItem
from wallets.ledger import conversion
from wallets.ledger.wallet_lookup import find_or_open_wallet
from wallets.models import Wallet


def convert_wallets(move: MigrationItem, *, at: datetime, by: User | None) -> None:
    """
    Convert the customer's wallets in the migration's unit; a customer with two moves is converted once.

    :raises ConversionRefused: if the lots' costs are in two currencies.
    """
    rate = move.migration.rate
    for from_id, to_id in _wallet_pairs(move, at):
        assert rate is not None  # noqa: S101  a migration that names units has a rate, by constraint
        conversion.convert(
            from_id=from_id,
            to_id=to_id,
            rate=rate,
            reference=_reference(move),
            reason=move.migration.title,
            at=at,
            by=by,
        )


def convert_wallets_back(move: MigrationItem, *, at: datetime, by: User | None) -> None:
    """
    Revert the conversion.

    :raises ConversionRefused: if some of the converted value is used.
    """
    for from_id, to_id in _wallet_pairs(move, at):
        conversion.revert_conversion(
            from_id=from_id, to_id=to_id, reference=_reference(move), reason=move.migration.title, at=at, by=by
        )


def _wallet_pairs(move: MigrationItem, at: datetime) -> Iterator[tuple[int, int]]:
    """Yield the ids of each wallet in the migration's unit and of the wallet it is converted into."""
    migration, subscription = move.migration, move.subscription
    customer_id, seller_id = subscription.customer_id, subscription.seller_id
    wallets = Wallet.objects.filter(customer=customer_id, seller=seller_id, closed_at__isnull=True)
    for source in wallets.filter(unit=migration.from_unit).order_by("pk"):
        target = find_or_open_wallet(customer_id=customer_id, seller_id=seller_id, unit=migration.to_unit, at=at)
        yield source.pk, target.pk


def _reference(move: MigrationItem) -> str:
    return f"migration:{move.migration_id}"
