from collections import defaultdict
from decimal import Decimal as D

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.revenue.accounting_files.formats.journal import (
    JournalEntry,
    JournalLine,
    LedgerAccount,
    cut_into_pairs,
    is_balanced,
    split_entry,
)

ACCOUNTS = [LedgerAccount(str(number), f"Account {number}") for number in range(8)]
A, B, C, E = ACCOUNTS[:4]

CASES = [
    # lines                                                     pairs                                   why
    ([(A, "119"), (B, "-119")], [(A, B, "119")], "a pair stays one"),
    ([(A, "119"), (B, "-100"), (C, "-19")], [(A, B, "100"), (A, C, "19")], "one debit, two credits"),
    (
        [(A, "60"), (B, "40"), (C, "-70"), (E, "-30")],
        [(A, C, "60"), (B, C, "10"), (B, E, "30")],
        "the first debit takes from the first credit until one is used up",
    ),
    ([(C, "-30"), (A, "30")], [(A, C, "30")], "the debit comes first in a pair"),
    ([], [], "nothing to cut"),
]


@pytest.mark.parametrize(("lines", "pairs", "why"), CASES)
def test_the_first_debit_meets_the_first_credit(lines, pairs, why):
    cut = cut_into_pairs([JournalLine(account, D(amount)) for account, amount in lines])
    assert list(cut) == [(debit, credit, D(amount)) for debit, credit, amount in pairs], why


def test_an_entry_that_does_not_balance_is_refused():
    with pytest.raises(ValueError, match="sum to zero"):
        list(cut_into_pairs([JournalLine(A, D(2)), JournalLine(B, D(-1))]))


@st.composite
def balanced_lines(draw):
    lines = [
        JournalLine(draw(st.sampled_from(ACCOUNTS)), D(draw(st.integers(min_value=-10_000, max_value=10_000))) / 100)
        for _ in range(draw(st.integers(min_value=1, max_value=40)))
    ]
    total = sum((line.amount for line in lines), D(0))
    return [line for line in [*lines, JournalLine(ACCOUNTS[0], -total)] if line.amount]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=balanced_lines())
def test_pairs_move_what_the_lines_do(lines):
    moved = defaultdict(D)
    for debit, credit, amount in cut_into_pairs(lines):
        assert amount > 0
        moved[debit] += amount
        moved[credit] -= amount
    assert _sums(moved.items()) == _sums(lines)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=balanced_lines(), most=st.integers(min_value=2, max_value=12))
def test_a_long_entry_becomes_balanced_parts_with_numbered_narrations(lines, most):
    entry = JournalEntry("TB-2026-01-001", "All of it", tuple(lines))
    parts = split_entry(entry, most=most)
    assert all(is_balanced(part.lines) and len(part.lines) <= most for part in parts)
    assert _sums(line for part in parts for line in part.lines) == _sums(lines)
    if len(lines) > most:
        assert [part.narration for part in parts] == [
            f"All of it ({number} of {len(parts)})" for number in range(1, len(parts) + 1)
        ]
    else:
        assert parts == [entry]


def _sums(lines):
    sums = defaultdict(D)
    for account, amount in lines:
        sums[account] += amount
    return {account: amount for account, amount in sums.items() if amount}
