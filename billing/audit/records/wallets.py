"""Check wallets: entries, lots, balances, holds and drawdowns."""

from collections.abc import Iterator
from itertools import groupby, islice

from django.db import connection

from billing.audit.check import Check, Row
from billing.audit.shared_reads import Books
from billing.closing.voucher_usage import read_parts
from billing.metering.drawdown import drawdown_rows
from billing.metering.drawdown.wallet_debits import rate_drawdowns
from billing.metering.store.prepaid_windows import DrawdownKey
from billing.models import Drawdown, VoucherUsage
from lib.decimals import exact_sum
from wallets.ledger.hash_chain import SEALED_ENTRY_FIELDS, SEALED_TRANSACTION_FIELDS, compute_seal
from wallets.models import Entry

_UNBALANCED = """
    SELECT t.id AS transaction_id, count(e.id) AS entries, sum(e.units) AS units, sum(e.money) AS money
    FROM wallets_transaction t LEFT JOIN wallets_entry e ON e.transaction_id = t.id GROUP BY 1
    HAVING count(e.id) < 2 AND max(t.uncovered) = 0 OR sum(e.units) <> 0 OR sum(e.money) <> 0
        OR max(t.units) <> coalesce(sum(e.units) FILTER (WHERE e.account = 'wallet'), 0)
        OR count(DISTINCT e.wallet_id) > 1 OR bool_or(e.wallet_id <> t.wallet_id)
"""

_BALANCES = """
    SELECT w.id AS wallet_id, w.balance, w.moves, sum(e.units) AS entries, count(e.id) AS counted
    FROM wallets_wallet w LEFT JOIN wallets_entry e ON e.wallet_id = w.id AND e.account = 'wallet' GROUP BY 1, 2, 3
    HAVING w.balance <> coalesce(sum(e.units), 0) OR w.moves <> count(e.id)
        OR w.debt <> coalesce(-sum(e.units) FILTER (WHERE e.lot_id IS NULL), 0)
"""

_RUNNING = """
    SELECT entry_id, place, balance_after FROM (
        SELECT e.id AS entry_id, e.place, e.balance_after, w.debt_limit,
            sum(e.units) OVER own AS running, row_number() OVER own AS nth
        FROM wallets_entry e JOIN wallets_wallet w ON w.id = e.wallet_id WHERE e.account = 'wallet'
        WINDOW own AS (PARTITION BY e.wallet_id ORDER BY e.place)
    ) e WHERE balance_after <> running OR place <> nth OR running < -debt_limit
"""

_LOTS = """
    SELECT l.id AS lot_id, l.remaining, sum(e.units) AS entries FROM wallets_lot l
    LEFT JOIN wallets_entry e ON e.lot_id = l.id GROUP BY l.id
    HAVING l.remaining <> coalesce(sum(e.units), 0)
        OR l.amount <> coalesce((array_agg(e.units ORDER BY e.id))[1], 0)
        OR (l.remaining = 0 AND sum(e.money) <> 0) OR (l.remaining = l.amount AND sum(e.money) <> l.cost)
        OR bool_or(e.wallet_id <> l.wallet_id)
"""

_HOLDS = """
    SELECT l.id AS lot_id, l.held, sum(s.units) AS shares FROM wallets_lot l
    LEFT JOIN (SELECT s.lot_id, s.units FROM wallets_holdshare s JOIN wallets_hold h ON h.id = s.hold_id
        AND h.state = 'open') s ON s.lot_id = l.id GROUP BY 1, 2 HAVING l.held <> coalesce(sum(s.units), 0)
    UNION ALL
    SELECT w.id, w.debt_held, sum(s.units) FROM wallets_wallet w
    LEFT JOIN (SELECT s.wallet_id, s.units FROM wallets_holdshare s JOIN wallets_hold h ON h.id = s.hold_id
        AND h.state = 'open' WHERE s.lot_id IS NULL) s ON s.wallet_id = w.id
    GROUP BY 1, 2 HAVING w.debt_held <> coalesce(sum(s.units), 0)
"""

_DRAWS = """
    SELECT d.id AS draw_id, d.cost, d.overage, d.refused, t.units FROM billing_drawdown d
    LEFT JOIN (SELECT draw, sum(units) AS units FROM wallets_transaction GROUP BY 1) t ON t.draw = d.id
    WHERE d.cost - d.overage - d.refused <> -coalesce(t.units, 0)
    UNION ALL
    SELECT t.draw, NULL, NULL, NULL, sum(t.units) FROM wallets_transaction t
    WHERE t.draw IS NOT NULL AND NOT EXISTS (SELECT FROM billing_drawdown d WHERE d.id = t.draw) GROUP BY 1
"""

_SEALED = f"""
    SELECT t.id, w.seal, t.seal, {", ".join(f"t.{name}" for name in SEALED_TRANSACTION_FIELDS)},
        {", ".join(f"e.{name}" for name in SEALED_ENTRY_FIELDS)}
    FROM wallets_wallet w JOIN wallets_transaction t ON t.wallet_id = w.id
    LEFT JOIN wallets_entry e ON e.transaction_id = t.id ORDER BY w.id, t.id, e.id
"""  # noqa: S608


_SEALED_WITHOUT_CAUSE = """
    SELECT w.id, w.seal FROM wallets_wallet w
    WHERE w.seal <> '' AND NOT EXISTS (SELECT FROM wallets_transaction t WHERE t.wallet_id = w.id)
"""


def _broken_seals(books: Books) -> Iterator[Row]:
    """
    Seal every transaction again, wallet by wallet; yield the first that differs, or a wrong last seal of the wallet.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SEALED_WITHOUT_CAUSE)
        yield from ({"wallet_id": wallet_id, "seal": seal} for wallet_id, seal in cursor.fetchall())
        cursor.execute(_SEALED)
        for wallet_id, rows in groupby(iter(cursor.fetchone, None), key=lambda row: row[3]):
            seal = last_seal = ""
            for transaction_id, entries in groupby(rows, key=lambda row: row[0]):
                transaction_rows = list(entries)
                _, last_seal, stored, *facts = transaction_rows[0][: 3 + len(SEALED_TRANSACTION_FIELDS)]
                entry_values = [
                    row[3 + len(SEALED_TRANSACTION_FIELDS) :]
                    for row in transaction_rows
                    if row[3 + len(SEALED_TRANSACTION_FIELDS)] is not None
                ]
                seal = compute_seal(seal, facts, entry_values)
                if seal != stored:
                    yield {"wallet_id": wallet_id, "transaction_id": transaction_id, "seal": stored}
                    break
            else:
                if seal != last_seal:
                    yield {"wallet_id": wallet_id, "seal": last_seal}


_EXPIRED = """
    SELECT l.id AS lot_id, l.expired, sum(e.units) AS entries FROM wallets_lot l
    LEFT JOIN wallets_entry e ON e.lot_id = l.id AND e.transaction_id IN
        (SELECT id FROM wallets_transaction WHERE kind IN ('expire', 'revive'))
    GROUP BY 1, 2 HAVING l.expired <> coalesce(-sum(e.units), 0)
"""

# A hold's shares and its uncovered part make up its amount; a committed hold has its spend in the ledger.
_HELD = """
    SELECT h.id AS hold_id, h.amount, h.uncovered, sum(s.units) AS shares FROM wallets_hold h
    LEFT JOIN wallets_holdshare s ON s.hold_id = h.id
    LEFT JOIN wallets_wallet w ON w.id = s.wallet_id LEFT JOIN wallets_lot l ON l.id = s.lot_id
    GROUP BY h.id HAVING h.amount <> h.uncovered + coalesce(sum(s.units), 0)
        OR bool_or((w.customer_id, w.unit) <> (h.customer_id, h.unit)) OR bool_or(l.wallet_id <> s.wallet_id)
    UNION ALL
    SELECT h.id, h.amount, h.uncovered, NULL FROM wallets_hold h WHERE (h.state = 'committed') <>
        EXISTS (SELECT FROM wallets_transaction t WHERE t.reference = 'hold:' || h.id AND t.used_at = h.at
            AND t.feature_id IS NOT DISTINCT FROM h.feature_id)
        OR (h.state = 'lapsed' AND h.ended_at < h.until)
"""

_UNDRAWN = """
    SELECT c.id AS counter_id, c.period_id, c.plan_feature_id FROM billing_counter c
    JOIN plans_planfeature f ON f.id = c.plan_feature_id AND f.consumption IN ('credits', 'balance')
    WHERE NOT EXISTS (SELECT FROM billing_drawdown d WHERE (d.period_id, d.plan_feature_id, d.window_start)
        = (c.period_id, c.plan_feature_id, c.window_start))
    UNION ALL
    SELECT t.id, NULL, NULL FROM wallets_transaction t JOIN billing_drawdown d ON d.id = t.draw
    JOIN plans_planfeature f ON f.id = d.plan_feature_id WHERE t.feature_id IS DISTINCT FROM f.feature_id
"""


def _costs(books: Books) -> Iterator[Row]:
    """Rate the usage of every drawdown again, a thousand at a time."""
    keys = (DrawdownKey(*row) for row in Drawdown.objects.values_list("period", "plan_feature", "window_start"))
    while chunk := list(islice(keys, 1_000)):
        drawdowns = drawdown_rows.read_drawdowns(chunk)
        for drawdown, (_, cost) in zip(drawdowns, rate_drawdowns(drawdowns), strict=True):
            if cost != drawdown.cost:
                yield {"draw_id": drawdown.id, "cost": str(drawdown.cost), "rated again": str(cost)}


# A month's usage is taxed within minutes after its end; corrections that outweigh it wait.
_NOT_TAXED = """
    SELECT l.wallet_id, l.tax_point, -sum(e.money) AS cost FROM wallets_entry e
    JOIN wallets_transaction t ON t.id = e.transaction_id AND t.kind IN ('spend', 'give_back', 'repay')
    JOIN wallets_lot l ON l.id = e.lot_id AND l.tax_point <> 'sold'
    JOIN wallets_wallet w ON w.id = l.wallet_id JOIN customers_customer c ON c.id = w.customer_id
    WHERE c.test_clock_id IS NULL AND t.at < date_trunc('month', now() - interval '2 days') - interval '1 day'
        AND e.place > coalesce((SELECT max(v.last_place) FROM billing_voucherusage v
            WHERE v.wallet_id = l.wallet_id AND v.tax_point = l.tax_point), 0)
    GROUP BY 1, 2 HAVING -sum(e.money) > 0
"""


def _voucher_usage(books: Books) -> Iterator[Row]:
    """Sum the usage of each row again, and compare it with the row and with its invoice."""
    last_places: dict[tuple[int, str], int] = {}
    rows = VoucherUsage.objects.select_related("wallet", "invoice").order_by("wallet", "tax_point", "last_place")
    for row in rows.iterator():
        since = last_places.get((row.wallet_id, row.tax_point), 0)
        last_places[row.wallet_id, row.tax_point] = row.last_place
        parts = read_parts(wallet_id=row.wallet_id, tax_point=row.tax_point, since=since, until=row.last_place)
        cost = exact_sum(part.cost for part in parts)
        amounts = [amount for part in parts if (amount := part.amount(str(row.wallet.currency)))]
        is_invoiced = row.invoice is None or (
            (row.invoice.reference, row.invoice.customer_id) == (f"voucher-usage:{row.pk}", row.wallet.customer_id)
            and row.created_at <= (row.invoice.issued_at or row.created_at)
            and [*amounts, -exact_sum(amounts)]
            == [line.amount.amount for line in row.invoice.lines.order_by("position")]
        )
        is_last = Entry.objects.filter(
            wallet=row.wallet_id, place=row.last_place, lot__tax_point=row.tax_point
        ).exists()
        if cost != row.cost or not is_invoiced or not is_last:
            yield {"voucher_usage_id": row.pk, "cost": str(row.cost), "summed again": str(cost)}


CHECKS = (
    Check("wallet_transactions_match_their_seals", "W1", _broken_seals),
    Check("wallet_transactions_sum_to_zero", "W2", _UNBALANCED),
    Check("wallet_balances_equal_the_sum_of_their_entries", "W3", _BALANCES),
    Check("wallet_balances_respect_their_overdraft_limit", "W3", _RUNNING),
    Check("lots_equal_the_sum_of_their_entries", "W4", _LOTS),
    Check("held_units_belong_to_open_holds", "W5", _HOLDS),
    Check("lots_record_their_expired_units", "W4", _EXPIRED),
    Check("holds_equal_the_sum_of_their_shares", "W5", _HELD),
    Check("drawdowns_equal_their_wallet_transactions", "W6", _DRAWS),
    Check("prepaid_usage_has_a_drawdown", "W6", _UNDRAWN),
    Check("voucher_usage_equals_the_ledger", "W9", _voucher_usage),
    Check("used_vouchers_are_taxed", "W9", _NOT_TAXED),
    Check("drawdowns_equal_the_cost_of_their_usage", "W6", _costs),
)
