"""Read the ongoing balances of wallets that pay invoices: docs/wallets.md#ongoing-balance."""

from collections.abc import Callable, Collection
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.utils.module_loading import import_string

from lib import sql
from lib.decimals import DOWN, EXACT, ZERO
from lib.money import minor_unit
from wallets.credit_rules.ongoing_balance import PayingWallet, ongoing_balances
from wallets.models import Wallet

Unpaid = dict[tuple[int, int, str], Decimal]
"""Customer, seller and currency → an amount with tax."""

# In the order in which they pay; payable: as in wallets/operations/invoice_payment.py.
_PAYING_WALLETS = """
SELECT w.id, w.customer_id, w.seller_id, w.unit, w.balance, coalesce((
    SELECT sum(l.remaining - l.held) FROM wallets_lot l WHERE l.wallet_id = w.id AND l.has_left
        AND l.features = '{}' AND l.valid_from <= %(at)s AND (l.expires_at IS NULL OR l.expires_at > %(at)s)
), 0)
FROM wallets_wallet w
WHERE w.customer_id = ANY(%(customers)s) AND w.pays_invoices AND w.closed_at IS NULL ORDER BY w.priority, w.id
"""
# Invoices of purchases of money are left out: no money wallet pays them.
_UNPAID_INVOICES = """
SELECT i.customer_id, i.seller_id, i.currency, sum(CASE WHEN i.state = 'draft' THEN i.total
    ELSE greatest(i.total - i.credited - i.paid + i.returned, 0) END)
FROM invoices_invoice i
WHERE i.customer_id = ANY(%(customers)s) AND i.kind = 'invoice' AND i.state IN ('draft', 'issued', 'overdue')
    AND NOT EXISTS (SELECT FROM wallets_purchase p JOIN wallets_wallet b ON b.id = p.wallet_id
        WHERE p.invoice_id = i.id AND b.unit <> 'credits')
GROUP BY i.customer_id, i.seller_id, i.currency
"""


def read_ongoing_balances(wallets: Collection[Wallet], *, at: datetime) -> dict[int, Decimal]:
    """
    Return the ongoing balances of those of these wallets that pay invoices, by id; in a fixed number of queries.

    A wallet's ongoing balance is its balance less everything that its customer owes its seller and the wallet would
    pay: open and draft invoices, and usage that is not invoiced yet, with tax.
    """
    customer_ids = {wallet.customer_id for wallet in wallets if wallet.pays_invoices and wallet.closed_at is None}
    if not customer_ids:
        return {}
    unpaid = _read_unpaid(customer_ids, at=at)
    paying: dict[tuple[int, int, str], list[PayingWallet]] = {}
    for id_, customer_id, seller_id, unit, balance, free in sql.fetch_rows(
        _PAYING_WALLETS, {"customers": list(customer_ids), "at": at}
    ):
        payable = max(free, ZERO).quantize(minor_unit(unit), context=DOWN)
        paying.setdefault((customer_id, seller_id, unit), []).append(PayingWallet(id_, balance, payable))
    requested = {wallet.pk for wallet in wallets}
    return {
        id_: balance
        for key, customer_wallets in paying.items()
        for id_, balance in ongoing_balances(customer_wallets, max(unpaid.get(key, ZERO), ZERO)).items()
        if id_ in requested
    }


def _read_unpaid(customer_ids: Collection[int], *, at: datetime) -> Unpaid:
    # Wallets are below billing, which rates usage, and can't import it.
    read_usage: Callable[..., Unpaid] = import_string(settings.UNINVOICED_USAGE)
    unpaid = read_usage(customer_ids=customer_ids, at=at)
    for *key_columns, amount in sql.fetch_rows(_UNPAID_INVOICES, {"customers": list(customer_ids)}):
        key = tuple(key_columns)
        unpaid[key] = EXACT.add(unpaid.get(key, ZERO), amount)
    return unpaid
