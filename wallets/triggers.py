"""Database triggers that keep the ledger append-only and balanced."""

import pgtrigger

from lib.triggers import after_statement, allow_only, refuse_if_found, unchanged_but


def entries_balance() -> pgtrigger.Trigger:
    """
    Return the trigger that rejects entries whose units or money don't sum to zero per transaction.

    One statement writes all entries of a transaction, so the check runs once per statement, immediately:
    docs/decisions/0028-the-ledger.md.
    """
    return after_statement(
        "entries_sum_to_zero",
        refuse_if_found(
            """
            SELECT FROM new_rows GROUP BY transaction_id
            HAVING sum(units) <> 0 OR sum(money) <> 0 OR count(*) < 2 OR count(DISTINCT wallet_id) > 1
            """,
            "entries_sum_to_zero: each entry needs a counter entry",
            is_planned_once=True,
        ),
    )


def balance_is_the_sum_of_its_lots() -> pgtrigger.Trigger:
    """Return the trigger that compares a changed balance with the lots' remaining units less the debt."""
    return after_statement(
        "balance_is_the_sum_of_its_lots",
        refuse_if_found(
            """
            SELECT FROM new_rows w
            LEFT JOIN LATERAL (
                SELECT sum(l.remaining) AS left FROM wallets_lot l WHERE l.wallet_id = w.id AND l.has_left
            ) lots ON true
            WHERE w.balance <> coalesce(lots.left, 0) - w.debt
            """,
            "balance_is_the_sum_of_its_lots: a wallet and its lots move together",
            is_planned_once=True,
        ),
        operation=pgtrigger.Update,
    )


def keep_seller_of_transactions() -> pgtrigger.Trigger:
    """Return the trigger that keeps a wallet's seller once it has a transaction or a purchase."""
    return allow_only(
        "wallet_in_use_keeps_its_seller",
        """
            NEW.moves = 0 AND NOT EXISTS (SELECT FROM wallets_transaction WHERE wallet_id = NEW.id)
                AND NOT EXISTS (SELECT FROM wallets_purchase WHERE wallet_id = NEW.id)
        """,
        operation=pgtrigger.UpdateOf("seller_id"),
        condition=pgtrigger.Condition("OLD.seller_id <> NEW.seller_id"),
        remedy="open another wallet for the other seller",
    )


def lot_keeps_its_granted_terms() -> pgtrigger.Trigger:
    """Return the trigger that allows changes of a lot's remaining units and expiry only, and no delete."""
    terms = (
        "wallet_id",
        "kind",
        "amount",
        "cost",
        "tax_point",
        "is_paid",
        "features",
        "granted_at",
        "source",
        "origin_id",
    )
    new, old = (", ".join(f"{row}.{column}" for column in terms) for row in ("NEW", "OLD"))
    return allow_only(
        "lot_keeps_its_granted_terms",
        # Compared column by column: a spend updates lots, and a comparison of whole rows as JSON takes longer.
        f"TG_OP = 'UPDATE' AND ({new}) IS NOT DISTINCT FROM ({old})",
        remedy="void the remainder and grant another lot",
    )


def purchase_keeps_its_terms() -> pgtrigger.Trigger:
    """Return the trigger that allows a pending purchase to be granted or ended, and no other change."""
    return allow_only(
        "purchase_keeps_its_terms",
        f"OLD.state = 'pending' AND {unchanged_but('state', 'granted_at', 'ended_at', 'reason')}",
        remedy="a completed purchase is never changed; refund its lot",
    )
