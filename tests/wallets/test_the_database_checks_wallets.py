"""Raw SQL that violates a constraint or trigger of the wallet tables is refused by it."""

import pytest

from tests.billing.audit.prepaid_books import prepay
from tests.db_refusals import named_constraints, refused_by

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def wallets(shared_transaction: None) -> None:
    prepay()


def edit(table: str, change: str, where: str = "true") -> str:
    return f"UPDATE wallets_{table} SET {change} WHERE {where}"  # noqa: S608


def insert_again(table: str, *changed: str, **columns: str) -> str:
    """Return SQL that inserts a row a second time, under another id, with other values in some columns."""
    names = COLUMNS[table]
    values = ", ".join(columns.get(name, name) for name in names)
    return f"INSERT INTO wallets_{table} ({', '.join(names)}) SELECT {values} FROM wallets_{table} LIMIT 1"  # noqa: S608


COLUMNS = {
    "wallet": (
        *(
            "customer_id",
            "seller_id",
            "name",
            "unit",
            "currency",
            "priority",
            "at_zero",
            "grace",
            "promotional_first",
        ),
        *("pays_invoices", "is_trusted", "balance", "debt", "debt_held", "debt_limit", "moves", "seal"),
        *("closed_at", "created_at"),
    ),
    "lot": (
        *("wallet_id", "kind", "amount", "remaining", "held", "expired", "cost", "tax_point", "is_paid"),
        "priority",
        *("valid_from", "expires_at", "features", "rolls_over", "granted_at", "source"),
    ),
    "transaction": (
        *("wallet_id", "kind", "reference", "digest", "at", "units", "uncovered", "balance_after", "seal", "reason"),
    ),
    "hold": ("customer_id", "reference", "unit", "amount", "uncovered", "at", "until", "state", "ended_at"),
    "purchase": (
        *("wallet_id", "pack_id", "terms", "quantity", "units", "bonus", "net", "currency", "invoice_id", "state"),
        *("reference", "is_trusted", "reason", "created_at", "granted_at", "ended_at"),
    ),
    "holdshare": ("hold_id", "wallet_id", "lot_id", "units"),
}

BREAKAGE = """
INSERT INTO wallets_breakagerate (seller_id, percent, month, reason, created_at)
SELECT id, {percent}, {month}, {reason}, now() FROM customers_seller LIMIT 1
"""


def breakage(**changes: str) -> str:
    values = {"percent": "3", "month": "'2026-01-01'", "reason": "'history'"}
    return BREAKAGE.format(**{**values, **changes})


NEW_LOT = {"source": "'new'", "remaining": "0", "held": "0", "expired": "0"}
NEW = {"reference": "'new'"}


def entries(*rows: str) -> str:
    """Return SQL that inserts entries of the first transaction: account, units, money, lot, place, balance after."""
    values = ", ".join(rows)
    return f"""
        INSERT INTO wallets_entry (transaction_id, wallet_id, account, units, money, lot_id, place, balance_after)
        SELECT t.id, t.wallet_id, r.a, r.u, r.m, r.l::bigint, r.p::bigint, r.b::numeric
        FROM (SELECT * FROM wallets_transaction ORDER BY id LIMIT 1) t, (VALUES {values}) AS r(a, u, m, l, p, b)
    """  # noqa: S608


WORLD = "('world', {u}, 0, NULL, NULL, NULL)"

CASES = [
    # wallets
    ("wallet_name_is_used_once", insert_again("wallet")),
    (
        "wallet_holds_credits_or_its_currency",
        insert_again("wallet", name="'new'", unit="'EUR'", pays_invoices="false"),
    ),
    ("wallet_zero_rule_is_known", edit("wallet", "at_zero = 'other'")),
    ("only_money_pays_invoices", edit("wallet", "pays_invoices = true", "unit = 'credits'")),
    ("wallet_grace_is_finite", edit("wallet", "grace = 'NaN'")),
    ("wallet_balance_is_finite", edit("wallet", "balance = 'NaN'")),
    ("wallet_debt_limit_is_finite", edit("wallet", "debt_limit = 'NaN'")),
    ("wallet_is_never_overdrawn", edit("wallet", "debt = debt_limit + 1")),
    ("wallet_is_never_overdrawn", edit("wallet", "debt = -1")),
    ("a_closed_wallet_is_empty", edit("wallet", "closed_at = now()", "balance > 0")),
    ("balance_is_the_sum_of_its_lots", edit("wallet", "balance = balance + 1")),
    # lots
    ("lot_kind_is_known", insert_again("lot", **NEW_LOT, kind="'other'")),
    ("lot_tax_point_is_known", insert_again("lot", **NEW_LOT, tax_point="'other'")),
    ("nothing_is_granted_twice", insert_again("lot", **(NEW_LOT | {"source": "source"}))),
    ("lot_grants_something", insert_again("lot", **NEW_LOT, amount="0")),
    ("lot_grants_something", insert_again("lot", **NEW_LOT, amount="'NaN'")),
    ("lot_is_never_overdrawn", edit("lot", "remaining = -1, held = -1")),
    ("lot_is_never_overdrawn", edit("lot", "remaining = amount + 1, expired = -1")),
    ("reserved_amount_is_within_the_lot", edit("lot", "held = remaining + 1")),
    ("reserved_amount_is_within_the_lot", edit("lot", "held = -1")),
    ("units_that_expired_no_longer_remain", edit("lot", "expired = amount - remaining + 1")),
    ("lot_cost_is_finite", insert_again("lot", **NEW_LOT, cost="'NaN'")),
    ("rollover_is_finite", edit("lot", "rollover_most = -1")),
    ("lot_expires_after_it_begins", edit("lot", "expires_at = valid_from")),
    ("only_an_expiring_lot_rolls_over", edit("lot", "rolls_over = 1, expires_at = NULL")),
    ("lot_keeps_its_granted_terms", edit("lot", "amount = amount + 1")),
    ("lot_keeps_its_granted_terms", "DELETE FROM wallets_lot"),
    # the ledger
    ("movement_is_known", insert_again("transaction", **NEW, kind="'other'")),
    ("transaction_reference_counts_once", insert_again("transaction")),
    ("movement_is_finite", insert_again("transaction", **NEW, units="'NaN'")),
    ("uncovered_is_finite", insert_again("transaction", **NEW, uncovered="-1")),
    ("balance_after_is_finite", insert_again("transaction", **NEW, balance_after="'NaN'")),
    ("pgtrigger", edit("transaction", "units = 7")),
    ("pgtrigger", "DELETE FROM wallets_transaction"),
    ("pgtrigger", edit("entry", "units = 7")),
    ("pgtrigger", "DELETE FROM wallets_entry"),
    ("account_is_known", entries("('other', 0, 0, NULL, NULL, NULL)", WORLD.format(u=0))),
    ("entry_units_are_finite", entries("('world', 'NaN'::numeric, 0, NULL, NULL, NULL)")),
    ("entry_money_is_finite", entries("('world', 0, 'NaN'::numeric, NULL, NULL, NULL)")),
    ("entry_balance_is_finite", entries("('wallet', 0, 0, NULL, 99, 'NaN')")),
    ("entries_of_the_wallet_have_a_place", entries("('wallet', 1, 0, NULL, NULL, NULL)", WORLD.format(u=-1))),
    ("place_is_taken_once", entries("('wallet', 1, 0, NULL, 1, 1)", WORLD.format(u=-1))),
    ("entries_sum_to_zero", entries(WORLD.format(u=1), WORLD.format(u=1))),
    ("entries_sum_to_zero", entries(WORLD.format(u=0))),
    # purchases
    ("purchase_is_granted_or_came_to_nothing", insert_again("purchase", state="'other'")),
    ("nothing_is_bought_twice", insert_again("purchase", invoice_id="-1")),
    ("purchase_is_of_1_to_1000_packs", insert_again("purchase", quantity="1001")),
    ("purchase_is_of_something", insert_again("purchase", units="'NaN'")),
    ("bonus_of_a_purchase_is_finite", insert_again("purchase", bonus="-1")),
    ("purchase_costs_something", insert_again("purchase", net="0")),
    ("purchase_is_granted_or_came_to_nothing", insert_again("purchase", state="'granted'", granted_at="NULL")),
    ("purchase_is_granted_or_came_to_nothing", insert_again("purchase", state="'pending'", ended_at="now()")),
    ("purchase_keeps_its_terms", edit("purchase", "units = units + 1", "state = 'pending'")),
    ("purchase_keeps_its_terms", edit("purchase", "state = 'canceled'", "state = 'granted'")),
    ("purchase_keeps_its_terms", "DELETE FROM wallets_purchase"),
    # top-ups
    ("topup_threshold_is_units_or_a_percentage", edit("topuprule", "threshold = 5")),
    ("topup_threshold_is_units_or_a_percentage", edit("topuprule", "percent = NULL")),
    ("topup_threshold_is_units_or_a_percentage", edit("topuprule", "percent = 0")),
    ("topup_target_is_finite", edit("topuprule", "target = 'NaN'")),
    ("topup_basis_is_known", edit("topuprule", "basis = 'other'")),
    ("topup_payer_is_known", edit("topuprule", "payer = 'bank'")),
    ("topup_cooldown_is_a_year_at_most", edit("topuprule", "cooldown = interval '367 days'")),
    ("topup_declines_are_1_to_100", edit("topuprule", "most_declines = 0")),
    ("ceiling_is_set_once_by_each", edit("topupceiling", "set_by = 'finance'")),
    ("ceiling_setter_is_known", edit("topupceiling", "set_by = 'bank'")),
    ("ceiling_span_is_known", edit("topupceiling", "span = 'year'")),
    ("topups_are_10000_at_most", edit("topupceiling", "most = 10001")),
    ("money_of_topups_is_finite", edit("topupceiling", "most_money = 'NaN'")),
    ("ceiling_limits_something", edit("topupceiling", "most = NULL, most_money = NULL")),
    (
        "one_topup_of_a_wallet_is_pending",
        edit("topup", "state = 'pending', settled_at = NULL, wallet_id = (SELECT min(wallet_id) FROM wallets_topup)"),
    ),
    ("balance_before_a_topup_is_finite", edit("topup", "balance = 'NaN'")),
    ("topup_costs_something", edit("topup", "amount = 0")),
    ("topup_is_pending_or_settled", edit("topup", "settled_at = NULL", "state = 'paid'")),
    ("topup_is_pending_or_settled", edit("topup", "state = 'other'", "state = 'paid'")),
    # holds
    ("hold_state_is_known", edit("hold", "state = 'other'", "state = 'committed'")),
    ("hold_reference_counts_once", insert_again("hold")),
    ("held_amount_is_finite", edit("hold", "amount = 'NaN'")),
    ("uncovered_hold_is_finite", edit("hold", "uncovered = -1")),
    ("hold_ends_after_it_begins", edit("hold", "until = at")),
    ("hold_is_open_or_has_ended", edit("hold", "ended_at = now()", "state = 'open'")),
    ("hold_takes_a_lot_once", insert_again("holdshare")),
    ("hold_share_is_above_zero", edit("holdshare", "units = 0")),
    # breakage
    ("expected_breakage_is_below_100_percent", breakage(percent="100")),
    ("expected_breakage_is_below_100_percent", breakage(percent="-1")),
    ("breakage_rate_holds_from_a_first_of_a_month", breakage(month="'2026-01-02'")),
    ("breakage_rate_has_a_reason", breakage(reason="''")),
]

DRAWDOWN_CASES = [
    (
        "usage_is_drawn_down_once",
        "INSERT INTO billing_drawdown (period_id, plan_feature_id, window_start, cost, overage, refused, times)"
        " SELECT period_id, plan_feature_id, window_start, 0, 0, 0, 0 FROM billing_drawdown",
    ),
    ("drawdown_cost_is_finite", "UPDATE billing_drawdown SET cost = 'NaN', overage = 0, refused = 0"),
    ("no_more_is_missing_than_was_asked_for", "UPDATE billing_drawdown SET overage = cost + 1"),
    ("no_more_is_missing_than_was_asked_for", "UPDATE billing_drawdown SET refused = -1, overage = 0"),
]


@pytest.mark.parametrize(("name", "statement"), [*CASES, *DRAWDOWN_CASES])
def test_a_violated_constraint_is_rejected_by_name(name, statement):
    assert refused_by(statement).startswith(name)


def test_every_constraint_is_tested():
    assert named_constraints("wallets") <= {name for name, _ in CASES}
