"""Money wallets that pay issued invoices: a payment, after tax, never a discount. docs/wallets.md#paying-invoices."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import connection

from customers.customer_time import of_clock
from invoices.models import Invoice, Payment
from invoices.models.payments import PaymentChannel
from invoices.payments.manual_payments import PAYABLE, record_payment
from lib.audit_log import change
from lib.decimals import DOWN, EXACT, ZERO
from lib.failpoints import reached
from lib.money import minor_unit
from wallets.credit_rules.allocation import Share, take
from wallets.ledger.locked_wallets import NoWallet, Open, open_wallets
from wallets.ledger.transactions import Sheet, against, moved, write
from wallets.models import Account, Movement, Wallet
from wallets.purchases import grant_paid

AT_ONCE = 200

# What was bought with a wallet's own kind of value is not paid with it: money is not topped up by itself.
_DUE = """
SELECT w.id, i.id FROM wallets_wallet w
JOIN invoices_invoice i ON i.customer_id = w.customer_id AND i.currency = w.currency
WHERE w.pays_invoices AND w.closed_at IS NULL AND w.balance > 0 AND i.kind = 'invoice'
    AND i.state IN ('issued', 'overdue') AND (w.id, i.id) > (%s, %s)
    AND NOT EXISTS (SELECT FROM wallets_purchase p JOIN wallets_wallet b ON b.id = p.wallet_id
        WHERE p.invoice_id = i.id AND b.unit <> 'credits')
    AND {in_time}
ORDER BY w.id, i.id LIMIT %s
"""


def pay_invoices(*, at: datetime, clock: int | None = None, keep_going: Callable[[], bool] = lambda: True) -> int:
    """
    Pay what is due from the wallets that may, the oldest invoice first, and return how many payments that were.

    Harmless to run twice, or on several workers at once: what is due is looked at under the invoice's lock.
    clock: of customers in this test clock's time; in real time for None.
    """
    count, after = 0, (0, 0)
    while (due := _due(after, clock)) and keep_going():
        for wallet_id, invoice_id in due:
            count += pay_from_wallet(wallet_id=wallet_id, invoice_id=invoice_id, at=at) is not None
        after = due[-1]
    return count


def _due(after: tuple[int, int], clock: int | None) -> Sequence[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE.format(in_time=of_clock(clock, "w.customer_id")), [*after, AT_ONCE])
        return cursor.fetchall()


def pay_from_wallet(*, wallet_id: int, invoice_id: int, at: datetime) -> Payment | None:
    """
    Pay what is due of an invoice as far as a wallet goes; None if nothing is due, or nothing is there.

    What was bought with it is granted after that: nobody holds two wallets but in the order of their numbers.
    """
    with change("pay from wallet", by=None, at=at, invoice=invoice_id, wallet=wallet_id):
        payment = _pay(wallet_id, invoice_id, at)
        reached("payment.before_commit")
    if payment is not None:
        grant_paid(invoice_ids=[invoice_id], at=at)
    return payment


def _pay(wallet_id: int, invoice_id: int, at: datetime) -> Payment | None:
    invoice = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
    rule = Wallet.objects.get(pk=wallet_id)
    is_theirs = (invoice.customer_id, str(invoice.currency)) == (rule.customer_id, rule.unit)
    if invoice.state not in PAYABLE or not (rule.pays_invoices and is_theirs):
        return None
    try:
        wallet = open_wallets([wallet_id], used_at=at)[wallet_id]
    except NoWallet:
        return None
    shares, amount = _taken(wallet, invoice, at)
    if not amount:
        return None
    place = invoice.payments.count() + 1
    legs = [moved(wallet, wallet.lots[one.lot.id], EXACT.minus(one.units)) for one in shares]
    sheet = Sheet(at, reason=str(invoice))
    sheet.post(wallet, Movement.PAY, f"invoice:{invoice.pk}:{place}", [*legs, against(Account.WORLD, legs)])
    write(sheet, [wallet])
    return record_payment(
        invoice_id=invoice.pk,
        amount=amount,
        method=PaymentChannel.WALLET,
        reference=f"wallet:{wallet_id}:{place}",
        at=at,
    )


def _taken(wallet: Open, invoice: Invoice, at: datetime) -> tuple[Sequence[Share], Decimal]:
    """Return what lots give toward what is due, in whole minor units; nothing that has expired comes back for it."""
    there = ZERO
    lots = [lot for lot in wallet.ordered() if lot.is_valid(at) and lot.is_for(None) and lot.free]
    for lot in lots:
        there = EXACT.add(there, lot.free)
    amount = min(invoice.due, there.quantize(minor_unit(str(invoice.currency)), context=DOWN))
    return take(lots, amount, feature=None, at=at).shares, amount
