"""The daily balance and usage of a wallet, for charts."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from lib.prepared_statements import fetch_rows

DAYS = 30

# One index lookup per day, for the balance at its end.
_BALANCES = """
SELECT coalesce((
    SELECT balance_after FROM wallets_transaction t WHERE t.wallet_id = %s AND t.at < until
    ORDER BY t.at DESC, t.id DESC LIMIT 1
), 0) FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS days(until, place) ORDER BY place
"""

_BURNED = """
SELECT (coalesce(t.used_at, t.at) AT TIME ZONE %s)::date, coalesce(f.name, ''), -sum(t.units)
FROM wallets_transaction t LEFT JOIN plans_feature f ON f.id = t.feature_id
WHERE t.wallet_id = %s AND t.at >= %s AND t.kind IN ('spend', 'give_back') GROUP BY 1, 2
"""


class WalletUsage(NamedTuple):
    """
    The last days of a wallet, in its customer's time zone.

    balances: at the end of each day, or now. by_feature: name, empty for usage without a feature → units used per
        day.
    """

    days: Sequence[date]
    balances: Sequence[Decimal]
    by_feature: dict[str, list[Decimal]]


def read_recent_usage(*, wallet_id: int, zone: ZoneInfo, at: datetime) -> WalletUsage:
    """Return the last days in two queries, which read the ledger of these days only."""
    today = at.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    since = datetime.combine(days[0], time.min, zone)
    ends = [datetime.combine(day + timedelta(days=1), time.min, zone) for day in days]
    balances = [balance for (balance,) in fetch_rows(_BALANCES, [wallet_id, ends])]
    rows = fetch_rows(_BURNED, [str(zone), wallet_id, since])
    by_feature: dict[str, list[Decimal]] = {}
    for day, feature, units in sorted(rows, key=lambda row: row[1]):
        if day in days:
            by_feature.setdefault(feature, [Decimal(0)] * DAYS)[days.index(day)] = units
    return WalletUsage(days, balances, by_feature)
