"""Money wallets that pay issued invoices: a payment, after tax, never a discount. docs/wallets.md#paying-invoices."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection

from customers.customer_time import clock_sql
from invoices.models import Invoice, Payment
from invoices.models.payments import PaymentChannel
from invoices.payments.manual_payments import PAYABLE, record_payment
from lib.audit_log import audited_transaction
from lib.decimals import DOWN, EXACT, exact_sum
from lib.failpoints import hit_failpoint
from lib.money import minor_unit
from lib.queue import NO_DEADLINE, Deadline
from wallets.credit_rules.allocation import LotShare, allocate_from_lots
from wallets.ledger.locked_wallets import LockedWallet, WalletNotFound, lock_wallets
from wallets.ledger.transactions import Sheet, balancing_leg, move_lot, write
from wallets.models import Account, Movement, Wallet
from wallets.purchases import grant_paid

# Invoices per query; each payment is a transaction of its own.
BATCH_SIZE = 200

# Invoices of purchases of money are excluded: a money wallet must not pay for its own top-up. Paged by (priority,
# wallet, invoice).
_DUE_INVOICES = """
SELECT w.priority, w.id, i.id FROM wallets_wallet w
JOIN invoices_invoice i ON i.customer_id = w.customer_id AND i.seller_id = w.seller_id AND i.currency = w.currency
WHERE w.pays_invoices AND w.closed_at IS NULL AND w.balance > 0 AND i.kind = 'invoice'
    AND i.state IN ('issued', 'overdue') AND (w.priority, w.id, i.id) > (%s, %s, %s)
    AND NOT EXISTS (SELECT FROM wallets_purchase p JOIN wallets_wallet b ON b.id = p.wallet_id
        WHERE p.invoice_id = i.id AND b.unit <> 'credits')
    AND {in_time}
ORDER BY w.priority, w.id, i.id LIMIT %s
"""


def pay_invoices(*, at: datetime, clock_id: int | None = None, deadline: Deadline = NO_DEADLINE) -> int:
    """
    Pay due invoices from the wallets that allow it: by the wallets' priority, the oldest invoice first. Return the
    number of payments.

    Safe to repeat and to run concurrently: the amount due is read under the invoice's lock.

    clock_id: limit to customers on this test clock; None means real time.
    """
    count, after = 0, (-1, 0, 0)
    while (due := _read_due(after, clock_id)) and deadline.has_time():
        for _priority, wallet_id, invoice_id in due:
            count += pay_from_wallet(wallet_id=wallet_id, invoice_id=invoice_id, at=at) is not None
        after = due[-1]
    return count


def _read_due(after: tuple[int, int, int], clock_id: int | None) -> Sequence[tuple[int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE_INVOICES.format(in_time=clock_sql(clock_id, "w.customer_id")), [*after, BATCH_SIZE])
        rows: Sequence[tuple[int, int, int]] = cursor.fetchall()
        return rows


def pay_from_wallet(*, wallet_id: int, invoice_id: int, at: datetime) -> Payment | None:
    """
    Pay the amount due of an invoice as far as a wallet covers it; None if nothing is due or the wallet is empty.

    Credits bought with the invoice are granted afterwards, in another transaction, because wallets may only be locked
    in id order.
    """
    with audited_transaction("pay from wallet", by=None, at=at, invoice=invoice_id, wallet=wallet_id):
        payment = _pay(wallet_id, invoice_id, at)
        hit_failpoint("payment.before_commit")
    if payment is not None:
        grant_paid(invoice_ids=[invoice_id], at=at)
    return payment


def _pay(wallet_id: int, invoice_id: int, at: datetime) -> Payment | None:
    # The invoice first, then the wallet, as in every payment, so that no deadlock arises.
    invoice = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
    wallet_row = Wallet.objects.get(pk=wallet_id)
    # A wallet holds money that its customer paid to the wallet's seller, so it pays invoices of that seller only.
    fits = (invoice.customer_id, invoice.seller_id, str(invoice.currency)) == (
        wallet_row.customer_id,
        wallet_row.seller_id,
        wallet_row.unit,
    )
    if invoice.state not in PAYABLE or not (wallet_row.pays_invoices and fits):
        return None
    try:
        wallet = lock_wallets([wallet_id], used_at=at)[wallet_id]
    except WalletNotFound:
        return None
    shares, amount = _allocate_to_invoice(wallet, invoice, at)
    if not amount:
        return None
    payment_number = invoice.payments.count() + 1
    legs = [move_lot(wallet, wallet.lots[share.lot.id], EXACT.minus(share.units)) for share in shares]
    sheet = Sheet(at, reason=str(invoice))
    sheet.post(
        wallet, Movement.PAY, f"invoice:{invoice.pk}:{payment_number}", [*legs, balancing_leg(Account.WORLD, legs)]
    )
    write(sheet, [wallet])
    return record_payment(
        invoice_id=invoice.pk,
        amount=amount,
        method=PaymentChannel.WALLET,
        reference=f"wallet:{wallet_id}:{payment_number}",
        at=at,
    )


def _allocate_to_invoice(wallet: LockedWallet, invoice: Invoice, at: datetime) -> tuple[Sequence[LotShare], Decimal]:
    """Return the lots' shares of the amount due, in whole minor units; expired units are not reclaimed for it."""
    lots = [lot for lot in wallet.ordered_lots() if lot.is_valid(at) and lot.is_for(None) and lot.free]
    available = exact_sum(lot.free for lot in lots)
    amount = min(invoice.due, available.quantize(minor_unit(str(invoice.currency)), context=DOWN))
    return allocate_from_lots(lots, amount, feature=None, at=at).shares, amount
