"""One at a time: whoever decides by what is used, reserved and left of a customer's holds the customer's row."""

from collections.abc import Iterable

from lib import prepared_statements

_LOCK = "SELECT FROM customers_customer WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_LOCK_BY_EXTERNAL_ID = """
SELECT FROM customers_customer WHERE sandbox = %s AND external_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""


def lock_customers(ids: Iterable[int]) -> None:
    """Lock customers, in the order of their numbers and before anything else that the transaction locks."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LOCK, [sorted(ids)])


def lock_customers_by_external_id(names: Iterable[str], *, sandbox: bool) -> None:
    """Lock customers by the product's names for them."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_LOCK_BY_EXTERNAL_ID, [sandbox, sorted(names)])
