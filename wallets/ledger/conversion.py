"""Convert a wallet's lots into another unit, and back: docs/migration.md#wallets."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from lib.audit_log import audited_transaction
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.lots import Lot as LotState
from wallets.credit_rules.lots import cost_between
from wallets.credit_rules.units import round_units
from wallets.ledger.grant import Grant, grant_lot
from wallets.ledger.locked_wallets import LockedWallet, lock_wallets
from wallets.ledger.transactions import Sheet, balancing_leg, move_lot, write
from wallets.models import Entry, Lot, Wallet
from wallets.models.ledger import Account, Movement

Actor = User | None


class ConversionRefused(ValueError):
    """The wallet can't be converted, or not back; the text gives the reason."""


def convert(
    *, from_id: int, to_id: int, rate: Decimal, reference: str, reason: str, at: datetime, by: Actor = None
) -> list[Lot]:
    """
    Convert the free units of a wallet into lots of another wallet of the customer with another unit; return the new
    lots.

    rate: units of this wallet for one unit of the other. reference: converts a wallet once; repeating it returns the
        lots of the first time. Each lot keeps its cost and terms; held units and lots that become valid later stay.

    :raises ConversionRefused: if both wallets have the same unit, or their lots' costs are in two currencies.
    """
    with audited_transaction("convert credits", by=by, at=at):
        source, target = _lock_source_and_target(from_id, to_id, at)
        converted_lots = Lot.objects.filter(wallet=to_id, source__startswith=f"{reference}:", origin__wallet=from_id)
        # Read under the locks, so that a repeated request sees the lots of the first one.
        if earlier_lots := list(converted_lots.order_by("pk")):
            return earlier_lots
        sheet = Sheet(at, reason, by.pk if by else None)
        lots = [lot for lot in source.ordered_lots() if lot.free and lot.is_valid(at)]
        rows = Lot.objects.in_bulk([lot.id for lot in lots])
        legs, new_lots = [], []
        for lot in lots:
            units = round_units(EXACT.divide(lot.free, rate))
            # Less than the smallest unit stays where it is.
            if units:
                row = rows[lot.id]
                grant = _converted_grant(row, lot, units, f"{reference}:{lot.id}", rate=rate)
                legs.append(move_lot(source, lot, EXACT.minus(lot.free)))
                new_lots.append(grant_lot(target, grant, sheet, kind=Movement.TRANSFER_IN))
        if legs:
            sheet.post(source, Movement.TRANSFER_OUT, reference, [*legs, balancing_leg(Account.WORLD, legs)])
            write(sheet, [source, target])
        return new_lots


def revert_conversion(
    *, from_id: int, to_id: int, reference: str, reason: str, at: datetime, by: Actor = None
) -> list[Lot]:
    """
    Undo the conversion with this reference from wallet `from_id` into `to_id`: the same units on the same terms.

    :raises ConversionRefused: if some of the converted units are used, held, voided or expired.
    """
    with audited_transaction("convert credits back", by=by, at=at):
        target, source = _lock_source_and_target(to_id, from_id, at)
        converted_lots = Lot.objects.filter(wallet=to_id, source__startswith=f"{reference}:", origin__wallet=from_id)
        rows_by_lot = {row.pk: row for row in converted_lots.select_related("origin").order_by("pk")}
        revert_reference = f"{reference}:back"
        if not rows_by_lot or Lot.objects.filter(wallet=from_id, source__startswith=f"{revert_reference}:").exists():
            return []
        taken_entries = Entry.objects.filter(
            transaction__reference=reference, transaction__wallet=from_id, lot__isnull=False
        )
        original_amounts = {
            lot_id: (-units, -money) for lot_id, units, money in taken_entries.values_list("lot", "units", "money")
        }
        sheet = Sheet(at, reason, by.pk if by else None)
        legs, restored_lots = [], []
        for lot_id, row in rows_by_lot.items():
            lot = target.lots.get(lot_id)
            if lot is None or lot.free != row.amount:
                text = _("Some of the %(amount)s converted %(unit)s are used, held, or expired.")
                values = {"amount": f"{row.amount.normalize():,f}", "unit": target.unit}
                raise ConversionRefused(text % values)
            assert row.origin is not None  # noqa: S101  the query demands it
            units, cost = original_amounts[row.origin.pk]
            legs.append(move_lot(target, lot, EXACT.minus(row.amount)))
            grant = _converted_grant(row.origin, None, units, f"{revert_reference}:{row.origin.pk}", cost=cost)
            restored_lots.append(grant_lot(source, grant, sheet, kind=Movement.TRANSFER_IN))
        sheet.post(target, Movement.TRANSFER_OUT, revert_reference, [*legs, balancing_leg(Account.WORLD, legs)])
        write(sheet, [source, target])
        return restored_lots


def _lock_source_and_target(from_id: int, to_id: int, at: datetime) -> tuple[LockedWallet, LockedWallet]:
    wallets = lock_wallets([from_id, to_id], used_at=at)
    source, target = wallets[from_id], wallets[to_id]
    if source.customer_id != target.customer_id or source.unit == target.unit:
        raise ConversionRefused(_("Both wallets must belong to the same customer and hold different units."))
    if source.seller_id != target.seller_id:
        raise ConversionRefused(_("The wallets belong to different sellers. Choose wallets of one seller."))
    if len(set(Wallet.objects.filter(pk__in=wallets).values_list("currency", flat=True))) > 1:
        text = _("The wallets' costs are in different currencies. Void the units here and grant them there.")
        raise ConversionRefused(text)
    return source, target


def _converted_grant(
    row: Lot,
    lot: LotState | None,
    units: Decimal,
    source: str,
    *,
    rate: Decimal = Decimal(1),
    cost: Decimal = ZERO,
) -> Grant:
    """Return the grant that replaces a lot: other units, unchanged terms, and the cost of the lot's free units."""
    if lot is not None:
        cost = cost_between(lot, lot.remaining, lot.held)
    rollover_most = row.rollover_most
    return Grant(
        row.kind,
        units,
        source,
        cost=cost,
        valid_from=row.valid_from,
        expires_at=row.expires_at,
        features=row.features,
        priority=row.priority,
        tax_point=row.tax_point,
        is_paid=row.is_paid,
        rolls_over=row.rolls_over,
        rollover_most=None if rollover_most is None else round_units(EXACT.divide(rollover_most, rate)),
        rollover_days=row.rollover_days,
        rollover_ends=row.rollover_ends,
        origin_id=row.pk,
        granted_at=row.granted_at,
    )
