"""Which subscriptions live in whose time: for everything that looks for due work (docs/sandbox.md#due-work)."""


def subscribed_in(clock: int | None, subscription: str) -> str:
    """
    Return the SQL condition that a column holds subscriptions in the time of a test clock; in real time for None.

    subscription: the column's name, such as p.subscription_id; it is no input of anybody's.
    """
    if clock is None:
        return f"{subscription} NOT IN ({_of('c.test_clock_id IS NOT NULL')})"
    return f"{subscription} IN ({_of(f'c.test_clock_id = {clock:d}')})"


def _of(condition: str) -> str:
    subscriptions = "SELECT o.id FROM billing_subscription o JOIN customers_customer c ON c.id = o.customer_id"
    return f"{subscriptions} WHERE {condition}"
