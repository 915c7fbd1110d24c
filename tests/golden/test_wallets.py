"""Prepaid value is granted, spent and expired as in other systems, or differs by a written rule."""

import pytest

from billing.audit.records import wallets
from tests.clean_books import assert_clean
from tests.golden.cases import Case, to_run
from tests.golden.wallet_cases import figures

FAMILY = "wallets"

# Entries are written without the plan and usage behind them, so there are ledger movements of drawdowns without a
# drawdown.
LEDGER = [check.name for check in wallets.CHECKS if check.name != "drawdowns_equal_their_wallet_transactions"]


@pytest.mark.django_db
@pytest.mark.parametrize("case", to_run(FAMILY))
def test_wallet_agrees(case: Case, compare):
    compare(FAMILY, case, figures(case))
    assert_clean(names=LEDGER)
