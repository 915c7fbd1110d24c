"""
Erase a customer's traces elsewhere: sign-ins, cards, messages of payment providers, and logs.

Payments, attempts, refunds and balances are books: their amounts, dates and references stay. Data that providers hold
themselves is theirs to erase: docs/personal-data.md#erasure.
"""

from collections.abc import Iterator

SIGN_INS = (
    "DELETE FROM customers_portalsession WHERE customer_id = %(id)s",
    "DELETE FROM customers_portallink WHERE customer_id = %(id)s OR lower(email) = ANY(%(mailboxes)s::text[])",
)

# The provider's id of a card identifies no person, and payment attempts refer to it.
CARDS = (
    """
    UPDATE invoices_paymentmethod i SET label = %(blank)s, mandate = '', expires_on = NULL, is_default = false,
        removed_at = coalesce(removed_at, %(at)s)
    FROM invoices_payeraccount a WHERE a.id = i.account_id AND a.customer_id = %(id)s
    """,
    """
    UPDATE invoices_paymentmethodevent e SET label = %(blank)s, mandate = '', expires_on = NULL
    FROM invoices_paymentmethod i JOIN invoices_payeraccount a ON a.id = i.account_id
    WHERE i.id = e.pgh_obj_id AND a.customer_id = %(id)s
    """,
)

ATTEMPTS = (
    """
    UPDATE invoices_paymentattempt c SET reason = '', page = '', back_to = '' FROM invoices_invoice i
    WHERE i.id = c.invoice_id AND i.customer_id = %(id)s
    """,
    """
    UPDATE invoices_paymentattemptevent e SET reason = '', page = '', back_to = ''
    FROM invoices_paymentattempt c JOIN invoices_invoice i ON i.id = c.invoice_id
    WHERE c.id = e.pgh_obj_id AND i.customer_id = %(id)s
    """,
    "UPDATE invoices_refund SET reason = '' WHERE customer_id = %(id)s",
    "UPDATE invoices_refundevent SET reason = '' WHERE customer_id = %(id)s",
)

# A message refers to the account, or to a payment attempt by the provider's id or ours; once it is processed, only
# its number matters.
MESSAGES = (
    """
    UPDATE invoices_providerevent p SET content = '{}', outcome = '' WHERE EXISTS (
        SELECT FROM unnest(%(texts)s::text[]) AS t(text) WHERE position(t.text IN p.content::text || p.outcome) > 0
    ) OR EXISTS (
        SELECT FROM (
            SELECT ref FROM invoices_payeraccount WHERE customer_id = %(id)s
            UNION ALL SELECT unnest(ARRAY[c.ref, c.key::text]) FROM invoices_paymentattempt c
                JOIN invoices_invoice i ON i.id = c.invoice_id WHERE i.customer_id = %(id)s
            UNION ALL SELECT unnest(ARRAY[ref, key::text]) FROM invoices_refund WHERE customer_id = %(id)s
        ) AS named WHERE ref <> '' AND position('"' || ref || '"' IN p.content::text) > 0)
    """,
)

# Decided by the customer's bookings; of other lines, by the name, and by an account that paid for the customer.
BANK_LINES = (
    """
    UPDATE invoices_bankline l SET payer_name = '', payer_account = '', text = '', end_to_end_id = ''
    WHERE l.customer_id = %(id)s OR l.id IN (SELECT b.line_id FROM invoices_bankbooking b
            JOIN invoices_invoice i ON i.id = b.invoice_id WHERE i.customer_id = %(id)s)
        OR (l.customer_id IS NULL AND (lower(l.payer_name) IN (SELECT lower(t) FROM unnest(%(texts)s::text[]) AS t)
            OR (l.payer_account <> '' AND l.payer_account IN (SELECT o.payer_account FROM invoices_bankline o
                WHERE o.customer_id = %(id)s))))
    """,
    "UPDATE invoices_bankline SET reason = '' WHERE customer_id = %(id)s",
    """
    UPDATE invoices_banklineevent e SET reason = '' FROM invoices_bankbooking b
    JOIN invoices_invoice i ON i.id = b.invoice_id WHERE b.line_id = e.pgh_obj_id AND i.customer_id = %(id)s
    """,
)

LOGS = (
    """
    UPDATE django_admin_log SET object_repr = %(blank)s, change_message = '' WHERE EXISTS (
        SELECT FROM unnest(%(texts)s::text[]) AS t(text) WHERE position(t.text IN object_repr || change_message) > 0)
    """,
)

TRACE_STATEMENTS = (*SIGN_INS, *CARDS, *ATTEMPTS, *BANK_LINES, *MESSAGES, *LOGS)

_LISTED = (
    # table                     column
    ("billing_planmigration", "selection"),
    ("billing_planmigration", "left_out"),
    ("billing_planmigrationevent", "selection"),
    ("billing_planmigrationevent", "left_out"),
    ("billing_job", "parameters"),
    ("billing_jobevent", "parameters"),
)
"""Columns that store ids selected by staff."""


def rename_statements() -> Iterator[str]:
    """Yield the statements that replace a former id by a new one; parameters `quoted_former` and `quoted_new`."""
    for table, column in _LISTED:
        yield (
            f"UPDATE {table} SET {column} = replace({column}::text, %(quoted_former)s, %(quoted_new)s)::jsonb"  # noqa: S608
            f" WHERE position(%(quoted_former)s IN {column}::text) > 0"
        )
