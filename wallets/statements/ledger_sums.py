"""Read the sums of a wallet's statement in one query, so that nothing moves in between."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.lots import Lot, cost_between
from wallets.ledger.errors import LedgerRefused
from wallets.models import Wallet
from wallets.statements.totals import Moved, Statement, build_statement

# Ten years and some days: the statement sums every entry of its span.
MAX_SPAN = timedelta(days=3_660)

# One statement sees one snapshot: the present build_statement, and all movements since the start of the span.
_READ = """
SELECT 'now', false, '', '', balance, 0, 0 FROM wallets_wallet WHERE id = %(wallet)s
UNION ALL
SELECT 'lot', false, '', '', amount, remaining, cost
FROM wallets_lot WHERE wallet_id = %(wallet)s AND has_left AND cost > 0
UNION ALL
SELECT 'moved', t.at < %(until)s, t.kind,
    CASE WHEN t.kind = 'grant' THEN l.kind WHEN t.kind IN ('spend', 'give_back') THEN coalesce(f.name, '')
        ELSE '' END,
    sum(e.units), sum(e.money), sum(greatest(e.units, 0))
FROM wallets_transaction t
JOIN wallets_entry e ON e.transaction_id = t.id AND e.account = 'wallet'
LEFT JOIN wallets_lot l ON l.id = e.lot_id
LEFT JOIN plans_feature f ON f.id = t.feature_id
WHERE t.wallet_id = %(wallet)s AND t.at >= %(since)s
GROUP BY 2, 3, 4
"""


def read_statement(wallet: Wallet, *, since: datetime, until: datetime) -> Statement:
    """
    Return the movements of a wallet in [since, until), by the time at which they were recorded.

    :raises LedgerRefused: if the span is empty or longer than ten years.
    """
    if until <= since:
        raise LedgerRefused(_("The end must be after the start."), field="until")
    if until - since > MAX_SPAN:
        raise LedgerRefused(_("A statement covers up to ten years. Choose a later start."), field="since")
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ, {"wallet": wallet.pk, "since": since, "until": until}, binary=True)
        rows = cursor.fetchall()
    balance, cost, movements = ZERO, ZERO, []
    for source, is_within, kind, name, amount, second, third in rows:
        if source == "now":
            balance = amount
        elif source == "lot":
            cost = EXACT.add(cost, cost_between(Lot(0, amount, second, cost=third), second, ZERO))
        else:
            movements.append(Moved(is_within, kind, name, amount, second, third))
    return build_statement((balance, cost), movements)


def this_month(wallet: Wallet, *, at: datetime) -> tuple[datetime, datetime]:
    """Return the current month so far in the customer's time zone: from its first midnight until now."""
    local = at.astimezone(ZoneInfo(wallet.customer.time_zone))
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0), at
