"""Whatever was done to a wallet, its statements sum up: opening, lines and closing are what the ledger says."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.builders import JAN
from tests.wallets.machine import Wallets
from wallets.models import Entry, Wallet
from wallets.statements.ledger_sums import read_statement

SHORT = settings(deadline=None, max_examples=12, stateful_step_count=25, suppress_health_check=list(HealthCheck))
SOON, EVER = timedelta(days=6), timedelta(days=3000)


def ledger(wallet, until):
    """Return what the entries of a wallet sum to before a moment, in units and in money."""
    rows = list(Entry.objects.filter(wallet=wallet, account="wallet", transaction__at__lt=until))
    return sum((one.units for one in rows), Decimal(0)), sum((row.money for row in rows), Decimal(0))


class Stated(Wallets):
    @invariant()
    def statements_tie(self):
        for wallet in Wallet.objects.filter(pk__in=getattr(self, "wallets", ())):
            edges = [JAN - EVER / 2, JAN, JAN + SOON, JAN + EVER / 2]
            for since, until in pairwise(edges):
                found = read_statement(wallet, since=since, until=until)
                assert (found.opening, found.opening_cost) == ledger(wallet, since)
                assert (found.closing, found.closing_cost) == ledger(wallet, until)
                assert found.opening + sum(line.units for line in found.lines) == found.closing
                assert found.opening_cost + sum(line.money for line in found.lines) == found.closing_cost
            assert found.closing == wallet.balance


@pytest.mark.slow
@pytest.mark.django_db
def test_any_sequence_of_operations_is_stated():
    run_state_machine_as_test(Stated, settings=SHORT)
