import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.portal.accounts import TODAY, Account, make_account


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(TODAY, tick=False):
        yield TODAY


@pytest.fixture
def own(db) -> Account:
    return make_account("walnut")


@pytest.fixture
def finance(db) -> Client:
    """A client of a staff user in the group “finance”."""
    user = User.objects.create_user("fiona", is_staff=True, first_name="Fiona")
    user.groups.add(Group.objects.get(name="finance"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def foreign(db) -> Account:
    return make_account("zebra")
