"""The office's work, in order."""

from collections.abc import Callable
from datetime import datetime

from demo.office import bank_files, customer_care, limits, migrations, price_changes, promotions, receivables

PARTS: tuple[Callable[..., bool], ...] = (
    customer_care.add,
    promotions.add,
    limits.add,
    # Before the rules that need a second person: these prices are approved as they were once requested.
    price_changes.add,
    price_changes.simulate,
    migrations.add,
    receivables.add,
    bank_files.add,
)


def add_all(*, at: datetime) -> int:
    """Add the missing parts, and return how many were added."""
    return sum(add(at=at) for add in PARTS)
