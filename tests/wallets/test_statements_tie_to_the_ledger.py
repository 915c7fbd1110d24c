"""
After any operations on a wallet, its statements and its former balances agree with the ledger.
"""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.builders import JAN
from tests.wallets.machine import Wallets
from wallets.ledger.balance_history import read_balance_history
from wallets.models import Entry, Wallet
from wallets.statements.ledger_sums import read_statement

SHORT = settings(deadline=None, max_examples=12, stateful_step_count=25, suppress_health_check=list(HealthCheck))
SOON, EVER = timedelta(days=6), timedelta(days=3000)


def ledger(wallet, until):
    """Return the sums of a wallet's entries before a time, in units and in money."""
    rows = list(Entry.objects.filter(wallet=wallet, account="wallet", transaction__at__lt=until))
    return sum((row.units for row in rows), Decimal(0)), sum((row.money for row in rows), Decimal(0))


class StatementMachine(Wallets):
    @invariant()
    def statements_tie(self):
        for wallet in Wallet.objects.filter(pk__in=getattr(self, "wallets", ())):
            edges = [JAN - EVER / 2, JAN, JAN + SOON, JAN + EVER / 2]
            for since, until in pairwise(edges):
                statement = read_statement(wallet, since=since, until=until)
                assert (statement.opening, statement.opening_cost) == ledger(wallet, since)
                assert (statement.closing, statement.closing_cost) == ledger(wallet, until)
                assert statement.opening + sum(line.units for line in statement.lines) == statement.closing
                assert statement.opening_cost + sum(line.money for line in statement.lines) == statement.closing_cost
            assert statement.closing == wallet.balance
            balances = read_balance_history(wallet.pk, moments=edges)
            assert balances == [ledger(wallet, edge)[0] for edge in edges]


@pytest.mark.slow
@pytest.mark.django_db
def test_statements_agree_with_the_ledger_after_any_sequence_of_operations():
    run_state_machine_as_test(StatementMachine, settings=SHORT)
