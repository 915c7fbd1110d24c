"""What a line comes to on its document: the one place that says so, for the database's own check and all who ask."""


def net_of(line: str) -> str:
    """
    Return the SQL expression for what can be credited of a line at most; line: its table's alias in the query.

    It is what coupons have left of it. A coupon's own line is nothing that could be credited: its shares are.
    """
    shares = f"SELECT sum(share.amount) FROM invoices_discount share WHERE share.line_id = {line}.id"  # noqa: S608
    return f"CASE {line}.kind WHEN 'coupon' THEN 0 ELSE {line}.amount - coalesce(({shares}), 0) END"
