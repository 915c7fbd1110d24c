"""How fast wallets are used: the pace of the last days."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from lib.decimals import HALF_UP
from lib.prepared_statements import fetch_rows

LATELY = timedelta(days=7)
LEAST_DAYS = 2
"""Days with usage, and days since the first movement, without which there is no pace."""

SECONDS_PER_DAY = Decimal(86_400)

# The wallet's first movement is one probe of the index `transaction_by_time`.
_READ = """
SELECT w.wallet_id, used.units, used.days, (
    SELECT at FROM wallets_transaction WHERE wallet_id = w.wallet_id ORDER BY at, id LIMIT 1
)
FROM unnest(%(wallets)s::bigint[]) AS w (wallet_id)
CROSS JOIN LATERAL (
    SELECT -sum(units) AS units, count(DISTINCT date_trunc('day', at)) FILTER (WHERE kind = 'spend') AS days
    FROM wallets_transaction
    WHERE wallet_id = w.wallet_id AND at >= %(since)s AND at <= %(at)s AND kind IN ('spend', 'give_back')
) used
WHERE used.units > 0
"""


def read_paces(wallet_ids: Collection[int], *, at: datetime) -> dict[int, Decimal]:
    """Return the units a day that wallets have lately been used by, in one query; none where there is no basis."""
    rows = fetch_rows(_READ, {"wallets": list(wallet_ids), "since": at - LATELY, "at": at})
    paces = {}
    for wallet_id, units, days, first_at in rows:
        span = min(LATELY, at - first_at)
        if days >= LEAST_DAYS and span >= timedelta(days=LEAST_DAYS):
            seconds = Decimal(int(span.total_seconds()))
            paces[wallet_id] = HALF_UP.divide(HALF_UP.multiply(units, SECONDS_PER_DAY), seconds)
    return paces
