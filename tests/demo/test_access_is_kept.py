"""
The demo's logins and API key: created once, stored in a file of the owner, and created again if the file is unusable.
"""

import stat

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.utils import timezone

from customers.api_keys.keys import digest
from customers.models import ApiKey
from demo import logins

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path):
    return tmp_path / "demo.json"


def test_is_the_same_on_each_run(file):
    first = logins.grant(file=file, at=timezone.now())
    assert logins.grant(file=file, at=timezone.now()) == first
    assert authenticate(username="demo", password=first.password).is_superuser
    assert ApiKey.objects.get().secret_sha256 == digest(first.api_key)


def test_is_readable_by_its_owner_only(file):
    logins.grant(file=file, at=timezone.now())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_every_group_has_a_user_with_exactly_its_permissions(file):
    password = logins.grant(file=file, at=timezone.now()).password
    assert len(logins.usernames()) == Group.objects.count() + 1 > 1
    finance = authenticate(username="demo-finance", password=password)
    assert finance.is_staff
    assert not finance.is_superuser
    assert finance.has_perm("plans.publish_planversion")
    assert not authenticate(username="demo-support", password=password).has_perm("plans.publish_planversion")


def test_a_lost_file_replaces_the_password_and_the_key(file):
    lost = logins.grant(file=file, at=timezone.now())
    file.unlink()
    granted = logins.grant(file=file, at=timezone.now())
    assert authenticate(username="demo", password=lost.password) is None
    assert authenticate(username="demo-finance", password=granted.password)
    usable = ApiKey.objects.usable(timezone.now())
    assert [key.secret_sha256 for key in usable] == [digest(granted.api_key)]


def test_a_file_of_another_database_is_ignored(file):
    elsewhere = logins.grant(file=file, at=timezone.now())
    ApiKey.objects.all().delete()
    User.objects.all().delete()
    granted = logins.grant(file=file, at=timezone.now())
    assert (granted.password, granted.api_key) != (elsewhere.password, elsewhere.api_key)
    assert logins.grant(file=file, at=timezone.now()) == granted
