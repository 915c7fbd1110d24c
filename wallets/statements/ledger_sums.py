"""Read what a wallet's statement adds up: in one query, so that nothing moves meanwhile."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lib import prepared_statements
from lib.decimals import EXACT, ZERO
from wallets.credit_rules.lots import Lot, cost_between
from wallets.ledger.errors import LedgerRefused
from wallets.models import Wallet
from wallets.statements.totals import Moved, Statement, state

LONGEST = timedelta(days=3_660)

# One statement, and so one moment: what is there now, and all that moved since the span began.
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
    Return what moved in a wallet in [since, until), by the time at which it was recorded.

    :raises LedgerRefused: if the span is empty, or longer than ten years.
    """
    if until <= since:
        raise LedgerRefused("A statement ends after it begins: choose a later end.", field="until")
    if until - since > LONGEST:
        raise LedgerRefused("A statement is of ten years at most: choose a later begin.", field="since")
    with prepared_statements.cursor() as cursor:
        cursor.execute(_READ, {"wallet": wallet.pk, "since": since, "until": until}, binary=True)
        rows = cursor.fetchall()
    balance, cost, moved = ZERO, ZERO, []
    for what, is_within, kind, name, one, two, three in rows:
        if what == "now":
            balance = one
        elif what == "lot":
            cost = EXACT.add(cost, cost_between(Lot(0, one, two, cost=three), two, ZERO))
        else:
            moved.append(Moved(is_within, kind, name, one, two, three))
    return state((balance, cost), moved)


def this_month(wallet: Wallet, *, at: datetime) -> tuple[datetime, datetime]:
    """Return the customer's own month so far: from its first midnight until now."""
    local = at.astimezone(ZoneInfo(wallet.customer.time_zone))
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0), at
