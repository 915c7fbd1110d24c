import pytest
import time_machine

from tests.portal.accounts import TODAY, Account, make_account


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(TODAY, tick=False):
        yield TODAY


@pytest.fixture
def own(db) -> Account:
    return make_account("walnut")


@pytest.fixture
def foreign(db) -> Account:
    return make_account("zebra")
