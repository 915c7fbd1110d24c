"""`manage.py reconcile` prints each difference with its facts, and exits with their number."""

from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from invoices.management.commands import reconcile
from invoices.payments.reconciliation import Difference

DIFFERENCE = Difference("recorded, but unknown to the provider", "charge", "pi_1", 7, Decimal("23.80"), "EUR")


def test_a_difference_is_printed_once(db, monkeypatch, capsys):
    monkeypatch.setattr(reconcile, "reconcile", lambda **_: iter([DIFFERENCE]))
    with pytest.raises(SystemExit) as finished:
        call_command("reconcile", since="2026-10-01")
    assert finished.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "recorded, but unknown to the provider: kind charge, ref pi_1, row_id 7, amount 23.80, currency EUR",
        "1 difference",
    ]


def test_a_wrong_time_is_refused(db):
    with pytest.raises(CommandError, match="“yesterday” is not a time"):
        call_command("reconcile", since="yesterday")
