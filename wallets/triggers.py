"""Database triggers that keep the ledger append-only and balanced."""

import pgtrigger


def append_only() -> pgtrigger.Trigger:
    """Return the trigger that rejects updates and deletes."""
    return pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)


def entries_balance() -> pgtrigger.Trigger:
    """
    Return the trigger that rejects entries whose units or money don't sum to zero per transaction.

    One statement writes all entries of a transaction, so the check runs once per statement, immediately:
    docs/decisions/0028-the-ledger.md.
    """
    return pgtrigger.Trigger(
        name="entries_sum_to_zero",
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func="""
            IF EXISTS (
                SELECT FROM new_rows GROUP BY transaction_id
                HAVING sum(units) <> 0 OR sum(money) <> 0 OR count(*) < 2 OR count(DISTINCT wallet_id) > 1
            ) THEN
                RAISE EXCEPTION 'entries_sum_to_zero: what one account gains, another one loses'
                USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        """,
    )


def balance_is_the_sum_of_its_lots() -> pgtrigger.Trigger:
    """Return the trigger that compares a changed balance with the lots' remaining units less the debt."""
    return pgtrigger.Trigger(
        name="balance_is_the_sum_of_its_lots",
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        operation=pgtrigger.Update,
        referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
        func="""
            IF EXISTS (
                SELECT FROM new_rows w
                LEFT JOIN LATERAL (
                    SELECT sum(l.remaining) AS left FROM wallets_lot l WHERE l.wallet_id = w.id AND l.has_left
                ) lots ON true
                WHERE w.balance <> coalesce(lots.left, 0) - w.debt
            ) THEN
                RAISE EXCEPTION 'balance_is_the_sum_of_its_lots: a wallet and its lots move together'
                USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        """,
    )


def lot_keeps_its_granted_terms() -> pgtrigger.Trigger:
    """Return the trigger that allows changes of a lot's remaining units and expiry only, and no delete."""
    return pgtrigger.Trigger(
        name="lot_keeps_its_granted_terms",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func="""
            IF TG_OP = 'DELETE' OR (NEW.wallet_id, NEW.kind, NEW.amount, NEW.cost, NEW.is_paid, NEW.features,
                    NEW.granted_at, NEW.source, NEW.origin_id) IS DISTINCT FROM
                (OLD.wallet_id, OLD.kind, OLD.amount, OLD.cost, OLD.is_paid, OLD.features,
                    OLD.granted_at, OLD.source, OLD.origin_id) THEN
                RAISE EXCEPTION 'lot_keeps_its_granted_terms: void what is left of it, and grant another'
                USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def purchase_keeps_its_terms() -> pgtrigger.Trigger:
    """Return the trigger that allows a pending purchase to be granted or ended, and no other change."""
    free = "ARRAY['state', 'granted_at', 'ended_at', 'reason']"
    return pgtrigger.Trigger(
        name="purchase_keeps_its_terms",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=f"""
            IF TG_OP = 'DELETE' OR OLD.state <> 'pending'
                OR (to_jsonb(NEW) - {free}) IS DISTINCT FROM (to_jsonb(OLD) - {free}) THEN
                RAISE EXCEPTION 'purchase_keeps_its_terms: what was bought stays; refund what it granted'
                USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )
