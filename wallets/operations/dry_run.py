"""Preview an operation on wallets: it is carried out, recorded, and rolled back."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from wallets.models import Entry, Transaction, Wallet


class BalanceChange(NamedTuple):
    """A wallet before the operation, and its balance and debt afterwards."""

    wallet: Wallet
    balance: Decimal
    debt: Decimal


class WalletEffect(NamedTuple):
    """changes: each wallet as it would be. entries: the wallets' own entries in the ledger."""

    changes: Sequence[BalanceChange]
    entries: Sequence[Entry]


class _RollBack(Exception):
    """Rolls the previewed operation back."""


def dry_run(operation: Callable[[], object], *, wallet_ids: Iterable[int]) -> WalletEffect:
    """
    Return the effect of an operation on these wallets.

    Exceptions of the operation are raised here as well.
    """
    ids = sorted(set(wallet_ids))
    effect: WalletEffect | None = None
    try:
        with transaction.atomic():
            # Locked in id order before the operation, so that the balances before and after differ by the operation
            # only.
            locked = Wallet.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
            wallets_before = {wallet.pk: wallet for wallet in locked}
            last_transaction_id = Transaction.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            operation()
            wallets_after = Wallet.objects.filter(pk__in=ids).order_by("pk")
            changes = [
                BalanceChange(wallets_before[wallet.pk], wallet.balance, wallet.debt) for wallet in wallets_after
            ]
            entries = Entry.objects.filter(transaction__gt=last_transaction_id, wallet__in=ids, account="wallet")
            effect = WalletEffect(
                changes, list(entries.select_related("transaction", "lot", "wallet").order_by("pk"))
            )
            raise _RollBack
    except _RollBack:
        assert effect is not None  # noqa: S101, it is raised after it is set
        return effect
