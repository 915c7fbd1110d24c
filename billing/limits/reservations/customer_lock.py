"""
The customer lock: decisions that depend on a customer's usage, reservations and funds happen one after the other.
"""

from collections.abc import Iterable

from lib import prepared_statements

# In the order of ids, against deadlocks; NO KEY, so that rows that refer to the customer can still be inserted.
_LOCK = "SELECT FROM customers_customer WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_LOCK_BY_EXTERNAL_ID = """
SELECT FROM customers_customer WHERE sandbox = %s AND external_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""


def lock_customers(ids: Iterable[int]) -> None:
    """Lock customers in the order of their ids, before any other row that the transaction locks."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LOCK, [sorted(ids)])


def lock_customers_by_external_id(names: Iterable[str], *, sandbox: bool) -> None:
    """Lock customers by their external ids."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LOCK_BY_EXTERNAL_ID, [sandbox, sorted(names)])
