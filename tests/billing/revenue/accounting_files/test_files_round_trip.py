"""Whatever a file says, its accounts sum to what was posted."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.revenue.accounting_files.formats.targets import WRITERS
from tests.billing.revenue.accounting_files.entry_samples import entry_lists, sums_of, write
from tests.billing.revenue.accounting_files.file_readers import READERS


def test_every_target_has_a_reader():
    assert READERS.keys() == WRITERS.keys()


@pytest.mark.parametrize("target", WRITERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_file_keeps_its_targets_rules_and_the_sums_of_all_accounts(target, data):
    entries = data.draw(entry_lists(target))
    if not entries:
        return
    found = READERS[target](write(target, entries))
    assert _without_zeros(found) == _without_zeros(sums_of(target, entries))


@pytest.mark.parametrize("target", WRITERS)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_same_entries_give_the_same_bytes(target, data):
    entries = data.draw(entry_lists(target))
    assert write(target, entries) == write(target, entries)


def _without_zeros(sums):
    return {name: amount for name, amount in sums.items() if amount}
