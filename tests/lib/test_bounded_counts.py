"""Several queries are counted in one statement, each up to a bound."""

import pytest
from django.contrib.auth.models import Group, User

from lib.bounded_counts import count_bounded

pytestmark = pytest.mark.django_db


def test_each_query_is_counted_up_to_the_bound(django_assert_num_queries):
    before = Group.objects.count()
    Group.objects.bulk_create(Group(name=f"group {number}") for number in range(5))
    User.objects.create(username="olga")
    queries = {
        "users": User.objects.filter(username="olga"),
        "none": User.objects.filter(username="%nobody%"),
        "empty": User.objects.none(),
        "new": Group.objects.filter(name__startswith="group ").order_by("name"),
        "all": Group.objects.all(),
    }
    with django_assert_num_queries(1):
        counts = count_bounded(queries, most=4)
    assert counts == {"users": 1, "none": 0, "empty": 0, "new": 5, "all": min(before + 5, 5)}


def test_no_query_is_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert count_bounded({}, most=4) == {}
        assert count_bounded({"empty": User.objects.none()}, most=4) == {"empty": 0}
