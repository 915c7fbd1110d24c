"""Each constraint of the table of voucher usage, violated by raw SQL, is reported by its name."""

import pytest

from tests.builders import make_wallet
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db


def added(tax_point: str = "'used'", cost: str = "1", count: int = 1) -> str:
    """Return the statement that adds rows of the latest wallet."""
    return (
        "INSERT INTO billing_voucherusage (wallet_id, tax_point, last_place, cost, created_at)"  # noqa: S608
        f" SELECT max(id), {tax_point}, 5, {cost}, now() FROM wallets_wallet, generate_series(1, {count})"
        " GROUP BY generate_series"
    )


CASES = [
    ("voucher_usage_is_taxed_once", added(count=2)),
    ("voucher_usage_is_taxed_when_used", added(tax_point="'sold'")),
    ("cost_of_voucher_usage_is_finite", added(cost="'NaN'")),
    ("cost_of_voucher_usage_is_finite", added(cost="-1")),
]


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    make_wallet()
    assert refused_by(statement).startswith(name)
