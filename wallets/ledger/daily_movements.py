"""The movements of a wallet by day of a time zone."""

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from lib.prepared_statements import fetch_rows

MAX_ROWS = 2_000
"""Rows that a page can list; beyond it, the statement has them."""

# Read by the index `transaction_by_time`; usage of a day is one row, however many batches it came in.
_READ = """
SELECT (at AT TIME ZONE %(zone)s)::date, kind, sum(units)
FROM wallets_transaction
WHERE wallet_id = %(wallet)s AND at >= %(since)s AND at < %(until)s
GROUP BY 1, 2, CASE WHEN kind IN ('spend', 'give_back') THEN 0 ELSE id END
ORDER BY 1 DESC, max(id) DESC LIMIT %(limit)s
"""


class DailyMovement(NamedTuple):
    """All usage of one day, or another movement. units: the change of the balance."""

    day: date
    kind: str
    units: Decimal


def read_daily_movements(wallet_id: int, *, since: datetime, until: datetime, zone: ZoneInfo) -> list[DailyMovement]:
    """Return the movements recorded in [since, until), the latest day first."""
    parameters = {"wallet": wallet_id, "since": since, "until": until, "zone": zone.key, "limit": MAX_ROWS}
    return [DailyMovement(*row) for row in fetch_rows(_READ, parameters)]
