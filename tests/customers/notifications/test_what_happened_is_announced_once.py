"""What happened is written down in the transaction in which it happened, once, and told as it was."""

from decimal import Decimal

import pytest
from django.db import transaction

from customers.models import Notification
from customers.notifications import Announcement, UnknownKind, announce, announce_all
from tests.builders import JAN, make_customer
from tests.races import together

pytestmark = pytest.mark.django_db


def tell(customer, **fields) -> None:
    defaults = {"kind": "alert.fired", "customer_id": customer.pk, "facts": {"limit": "80.00"}, "key": "a", "at": JAN}
    announce(**defaults | fields)


def test_is_kept_as_it_was_told():
    customer = make_customer()
    tell(customer, facts={"limit": "80.00", "percent": 75, "feature": None})

    notice = Notification.objects.get()
    assert (notice.kind, notice.customer, notice.created_at) == ("alert.fired", customer, JAN)
    assert notice.facts == {"limit": "80.00", "percent": 75, "feature": None}


def test_is_told_once_however_often_it_is_announced():
    customer = make_customer()
    tell(customer, facts={"limit": "80.00"})
    tell(customer, facts={"limit": "90.00"})

    assert Notification.objects.get().facts == {"limit": "80.00"}


@pytest.mark.django_db(transaction=True)
def test_is_told_once_by_two_at_once():
    customer = make_customer()
    together(*[lambda: tell(customer)] * 4)

    assert Notification.objects.count() == 1


def test_is_not_told_if_it_did_not_happen():
    customer = make_customer()
    with transaction.atomic():
        tell(customer)
        transaction.set_rollback(True)

    assert not Notification.objects.exists()


def test_is_written_for_many_by_one_statement(django_assert_num_queries):
    told = [Announcement(make_customer().pk, {"n": n}, f"topup:{n}") for n in range(50)]
    with django_assert_num_queries(1):
        announce_all(kind="topup.paid", announcements=told, at=JAN)

    assert Notification.objects.count() == 50


def test_asks_nothing_where_there_is_nothing_to_tell(django_assert_num_queries):
    with django_assert_num_queries(0):
        announce_all(kind="topup.paid", announcements=[], at=JAN)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 501, "x" * 500),
        ("a\0b", "ab"),
        ("half \ud83d of a character", "half ? of a character"),
        ("“ä” 東京", "“ä” 東京"),
    ],
)
def test_never_fails_for_a_text(text, kept):
    tell(make_customer(), facts={"reason": text})

    assert Notification.objects.get().facts == {"reason": kept}


def test_takes_many_long_texts():
    tell(make_customer(), facts={f"fact_{n}": "東" * 1_000 for n in range(30)})

    assert len(Notification.objects.get().facts) == 30


@pytest.mark.parametrize("value", [Decimal("1.5"), 1.5, True, ["x"]])
def test_takes_no_number_that_would_lose_digits(value):
    with pytest.raises(TypeError, match="amount"):
        tell(make_customer(), facts={"amount": value})


def test_says_where_a_kind_is_described():
    with pytest.raises(UnknownKind, match=r"alert\.fried.*kinds\.py"):
        tell(make_customer(), kind="alert.fried")
