"""SQL of the migrations that gave rows of customers a seller of their own."""


def fill_seller(table: str) -> str:
    """
    Return the SQL that fills `seller_id` from the customer of each row, or from the credit note of a refund.

    Append-only tables refuse updates, so the triggers are off meanwhile. The foreign keys are checked at once, because
    a table with pending checks can't be altered later in the transaction.
    """
    note = "(SELECT i.seller_id FROM invoices_invoice i WHERE i.id = r.note_id)" if "refund" in table else "NULL"
    return f"""
        ALTER TABLE {table} DISABLE TRIGGER USER;
        UPDATE {table} r SET seller_id = coalesce({note}, c.seller_id)
        FROM customers_customer c WHERE c.id = r.customer_id;
        SET CONSTRAINTS ALL IMMEDIATE;
        ALTER TABLE {table} ENABLE TRIGGER USER;
    """  # noqa: S608
