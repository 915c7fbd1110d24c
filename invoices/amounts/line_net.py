"""A line's net amount after its coupons: defined once, for the database's checks and every reader."""


def line_net_sql(line: str) -> str:
    """
    Return the SQL expression for the amount of a line that can be credited. line: its table's alias in the query.

    It is the line's amount after coupons. A coupon's own line cannot be credited, since its discounts are.
    """
    shares = f"SELECT sum(share.amount) FROM invoices_discount share WHERE share.line_id = {line}.id"  # noqa: S608
    return f"CASE {line}.kind WHEN 'coupon' THEN 0 ELSE {line}.amount - coalesce(({shares}), 0) END"
