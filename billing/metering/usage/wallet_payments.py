"""
The ledger transactions and lots that paid for an event's usage.

The ledger pays the increase of a window's cost by all usage of a batch, not event by event. So a payment belongs to
this event alone only if nothing else was recorded in its window at that time.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.metering.ingest.event_contributions import Contribution, EventContributions
from billing.metering.store.counter_store import CounterKey
from billing.metering.store.event_removals import read_removed
from billing.models import Drawdown, Event, Period
from lib.decimals import ZERO
from wallets.models import Transaction
from wallets.models.ledger import Account, Movement

MAX_EVENTS_SEARCHED = 10_000
"""Bound of a window's events among which others of the same batch are looked for; beyond it, a payment is shared."""


@dataclass(frozen=True, slots=True)
class LotUnits:
    """Units of one lot in a payment, negative if they were taken. lot_id: None for debt."""

    lot_id: int | None
    lot: str
    units: Decimal


@dataclass(frozen=True, slots=True)
class WalletPayment:
    """
    One transaction that paid for the usage, or gave units back when the event was corrected.

    units: change of the wallet's balance. uncovered: units that neither a lot nor debt covered.
    is_shared: whether it also covers other usage of the window that was recorded at that time, or may do so.
    """

    transaction_id: int
    wallet_id: int
    wallet: str
    unit: str
    kind: str
    at: datetime
    units: Decimal
    uncovered: Decimal
    lots: tuple[LotUnits, ...]
    is_shared: bool


@dataclass(frozen=True, slots=True)
class RecordedAt:
    """
    When an event's usage was counted, and when a correction took it back.

    is_single: False if a reprocess or a correction counted it, which handle many events in one transaction.
    """

    counted_at: datetime
    corrected_at: datetime | None
    is_single: bool


def find_payments(
    contributions: EventContributions, part: Contribution, counter: CounterKey, period: Period, recorded: RecordedAt
) -> tuple[WalletPayment, ...] | None:
    """
    Return the transactions of an event's window at the time when its usage was counted, and when it was corrected.

    Empty if the ledger has none of that time; None if no wallet pays for the feature.
    """
    drawdown = Drawdown.objects.filter(
        period=period, plan_feature=counter.plan_feature_id, window_start=counter.window_start
    ).first()
    if drawdown is None:
        return None
    times = [at for at in (recorded.counted_at, recorded.corrected_at) if at is not None]
    transactions = Transaction.objects.filter(
        draw=drawdown.pk, at__in=times, kind__in=(Movement.SPEND, Movement.GIVE_BACK)
    )
    # A transaction is dated by the last use that it pays for, so an earlier one paid for none of this event.
    possible = [
        transaction
        for transaction in transactions.select_related("wallet").prefetch_related("entries__lot").order_by("id")
        if transaction.used_at is None or transaction.used_at >= contributions.row.occurred_at
    ]
    references = {transaction.reference for transaction in possible if transaction.at == recorded.counted_at}
    is_alone = recorded.is_single and len(references) == 1 and _is_only_usage(contributions, part, counter, period)
    return tuple(
        _payment(transaction, is_shared=not is_alone or transaction.at != recorded.counted_at)
        for transaction in possible
    )


def _is_only_usage(
    contributions: EventContributions, part: Contribution, counter: CounterKey, period: Period
) -> bool:
    """Return whether nothing else was sent with the event that could have been counted in its window."""
    row = contributions.row
    others = [other for other in contributions.contributions if other is not part]
    if any(target[:2] == counter[:2] for other in others for target, _ in other.stop.targets):
        return False
    removed = read_removed([row.customer_id or 0]).get(row.customer_id)
    if removed is not None and counter.window_start < removed.until:
        return False  # other events of the window may have left
    window = Event.objects.filter(
        customer_id=row.customer_id,
        name=row.name,
        occurred_at__gte=counter.window_start,
        occurred_at__lt=period.ends_at,
    )
    if window[: MAX_EVENTS_SEARCHED + 1].count() > MAX_EVENTS_SEARCHED:
        return False
    return not window.filter(received_at=row.received_at).exclude(key=row.key).exists()


def _payment(transaction: Transaction, *, is_shared: bool) -> WalletPayment:
    entries = [entry for entry in transaction.entries.all() if entry.account == Account.WALLET]
    units_by_lot: dict[int | None, Decimal] = {}
    lots = {entry.lot_id: str(entry.lot) if entry.lot else "" for entry in entries}
    for entry in entries:
        units_by_lot[entry.lot_id] = units_by_lot.get(entry.lot_id, ZERO) + entry.units
    return WalletPayment(
        transaction_id=transaction.pk,
        wallet_id=transaction.wallet_id,
        wallet=str(transaction.wallet),
        unit=transaction.wallet.unit,
        kind=transaction.kind,
        at=transaction.at,
        units=transaction.units,
        uncovered=transaction.uncovered,
        lots=tuple(LotUnits(lot_id, lots[lot_id], units) for lot_id, units in units_by_lot.items()),
        is_shared=is_shared,
    )
