"""A notification is stored once, with its facts, in the transaction of the operation that it announces."""

from decimal import Decimal

import pytest
from django.db import transaction

from customers.models import Notification
from customers.notifications import Announcement, UnknownKind, announce, announce_all
from tests.builders import JAN, make_customer
from tests.races import together

pytestmark = pytest.mark.django_db


def announce_alert(customer, **fields) -> None:
    defaults = {"kind": "alert.fired", "customer_id": customer.pk, "facts": {"limit": "80.00"}, "key": "a", "at": JAN}
    announce(**defaults | fields)


def test_is_stored_with_its_facts():
    customer = make_customer()
    announce_alert(customer, facts={"limit": "80.00", "percent": 75, "feature": None})

    notification = Notification.objects.get()
    assert (notification.kind, notification.customer, notification.created_at) == ("alert.fired", customer, JAN)
    assert notification.facts == {"limit": "80.00", "percent": 75, "feature": None}


def test_is_stored_once_under_its_key():
    customer = make_customer()
    announce_alert(customer, facts={"limit": "80.00"})
    announce_alert(customer, facts={"limit": "90.00"})

    assert Notification.objects.get().facts == {"limit": "80.00"}


@pytest.mark.django_db(transaction=True)
def test_is_stored_once_by_concurrent_operations():
    customer = make_customer()
    together(*[lambda: announce_alert(customer)] * 4)

    assert Notification.objects.count() == 1


def test_is_not_stored_if_the_operation_is_rolled_back():
    customer = make_customer()
    with transaction.atomic():
        announce_alert(customer)
        transaction.set_rollback(True)

    assert not Notification.objects.exists()


def test_many_are_stored_by_one_statement(django_assert_num_queries):
    announcements = [Announcement(make_customer().pk, {"n": n}, f"topup:{n}") for n in range(50)]
    with django_assert_num_queries(1):
        announce_all(kind="topup.paid", announcements=announcements, at=JAN)

    assert Notification.objects.count() == 50


def test_runs_no_query_without_announcements(django_assert_num_queries):
    with django_assert_num_queries(0):
        announce_all(kind="topup.paid", announcements=[], at=JAN)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("x" * 501, "x" * 500),
        ("a\0b", "ab"),
        ("half \ud83d of a character", "half ? of a character"),
        ("“ä” 東京", "“ä” 東京"),
    ],
)
def test_never_fails_for_a_text(text, stored):
    announce_alert(make_customer(), facts={"reason": text})

    assert Notification.objects.get().facts == {"reason": stored}


def test_accepts_many_long_texts():
    announce_alert(make_customer(), facts={f"fact_{n}": "東" * 1_000 for n in range(30)})

    assert len(Notification.objects.get().facts) == 30


@pytest.mark.parametrize("value", [Decimal("1.5"), 1.5, True, ["x"]])
def test_rejects_values_that_would_lose_digits(value):
    with pytest.raises(TypeError, match="amount"):
        announce_alert(make_customer(), facts={"amount": value})


def test_an_unknown_kind_names_the_module_of_kinds():
    with pytest.raises(UnknownKind, match=r"alert\.fried.*kinds\.py"):
        announce_alert(make_customer(), kind="alert.fried")
