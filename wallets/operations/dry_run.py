"""What an operation on wallets would do: it is done, looked at, and rolled back."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from wallets.models import Entry, Transaction, Wallet


class Change(NamedTuple):
    """A wallet's balance and debt, before and after."""

    wallet: Wallet
    balance: Decimal
    debt: Decimal


class Effect(NamedTuple):
    """changes: each wallet as it would be. entries: what the ledger would say of them, of the wallets alone."""

    changes: Sequence[Change]
    entries: Sequence[Entry]


class _Rehearsed(Exception):
    """Rolls back what was only looked at."""


def rehearse(act: Callable[[], object], *, wallet_ids: Iterable[int]) -> Effect:
    """
    Return what `act` would do to these wallets.

    Whatever it raises is raised here as well.
    """
    ids = sorted(set(wallet_ids))
    found: Effect | None = None
    try:
        with transaction.atomic():
            locked = Wallet.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
            before = {one.pk: one for one in locked}
            last = Transaction.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            act()
            after = Wallet.objects.filter(pk__in=ids).order_by("pk")
            changes = [Change(before[one.pk], one.balance, one.debt) for one in after]
            entries = Entry.objects.filter(transaction__gt=last, wallet__in=ids, account="wallet")
            found = Effect(changes, list(entries.select_related("transaction", "lot", "wallet").order_by("pk")))
            raise _Rehearsed
    except _Rehearsed:
        assert found is not None  # noqa: S101, it is raised after it is set
        return found
