"""Numbers of a series: consecutive, unique, in order of time, and released by a rollback."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction

from invoices.documents.numbering import Numbers, SeriesFull, series_for, take_numbers
from invoices.models import NumberSeries
from tests.builders import make_seller
from tests.owner_rights import as_owner
from tests.races import together

AT = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def series(db: None) -> int:
    return series_for(seller_id=make_seller().pk, sandbox=False)


def test_they_are_consecutive(series: int):
    first = take_numbers(series=series, count=3, at=AT)
    then = take_numbers(series=series, count=1, at=AT)
    assert [first.text(0), first.text(2), then.text(0)] == ["INV-000001", "INV-000003", "INV-000004"]


def test_a_rollback_releases_them(series: int):
    with transaction.atomic():
        take_numbers(series=series, count=5, at=AT)
        transaction.set_rollback(True)
    assert take_numbers(series=series, count=1, at=AT).first == 1


def test_no_number_is_issued_at_an_earlier_time_than_the_previous_one(series: int):
    moments = [AT, AT - timedelta(hours=1), AT + timedelta(hours=1), AT]
    issued = [take_numbers(series=series, count=1, at=moment).issued_at for moment in moments]
    assert issued == [AT, AT, AT + timedelta(hours=1), AT + timedelta(hours=1)]


def test_each_seller_has_a_live_and_a_sandbox_series(series: int):
    acme, other = make_seller(), make_seller("other")
    series_ids = [
        series_for(seller_id=seller.pk, sandbox=sandbox) for seller in (acme, other) for sandbox in (False, True)
    ]
    assert series_ids[0] == series
    assert len(set(series_ids)) == 4
    prefixes = NumberSeries.objects.order_by("seller", "sandbox").values_list("prefix", flat=True)
    assert list(prefixes) == ["INV-", "TEST-"] * 2


def test_a_series_that_finance_created_is_used(db: None):
    seller = make_seller()
    finance_series = NumberSeries.objects.create(seller=seller, code="2026", prefix="ACME26-", last_number=41)
    assert series_for(seller_id=seller.pk, sandbox=False) == finance_series.pk
    assert take_numbers(series=finance_series.pk, count=1, at=AT).text(0) == "ACME26-000042"


def test_a_series_that_does_not_exist_is_an_error(db: None):
    with pytest.raises(LookupError, match="no number series 123456"):
        take_numbers(series=123456, count=1, at=AT)


PRINTED = [
    ("INV-", 1, "INV-000001"),
    ("INV-", 1_000_000, "INV-1000000"),
    ("INV-", 999_999_999_999, "INV-999999999999"),
    ("", 7, "000007"),
    ("TENLETTERS", 999_999, "TENLETTERS999999"),
]


@pytest.mark.parametrize(("prefix", "number", "printed"), PRINTED)
def test_they_are_padded_and_16_characters_at_most(prefix: str, number: int, printed: str):
    assert Numbers(1, prefix, number, AT).text(0) == printed
    assert len(printed) <= 16


def test_a_full_series_is_an_error():
    with pytest.raises(SeriesFull, match="Start a series with a shorter prefix"):
        Numbers(1, "TENLETTERS", 999_999, AT).text(1)


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_with_rollbacks_leave_no_gap_and_no_duplicate():
    """16 writers, each with its own clock; a tenth of their transactions are rolled back."""
    series = series_for(seller_id=make_seller().pk, sandbox=False)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE issued (number bigint, issued_at timestamptz)")
        cursor.execute("GRANT SELECT, INSERT ON issued TO PUBLIC")

    def write(seed: int) -> int:
        chance, written = random.Random(seed), 0
        for _ in range(25):
            count, fails = chance.randint(1, 3), chance.random() < 0.1
            with transaction.atomic():
                numbers = take_numbers(series=series, count=count, at=AT + timedelta(seconds=chance.randint(-9, 9)))
                with connection.cursor() as cursor:
                    for offset in range(count):
                        cursor.execute(
                            "INSERT INTO issued VALUES (%s, %s)", [numbers.first + offset, numbers.issued_at]
                        )
                if fails:
                    transaction.set_rollback(True)
            written += 0 if fails else count
        return written

    written = sum(together(*[lambda seed=seed: write(seed) for seed in range(16)]))
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, issued_at FROM issued ORDER BY number")
        issued = cursor.fetchall()
    assert [number for number, _ in issued] == list(range(1, written + 1))
    assert all(before <= after for (_, before), (_, after) in pairwise(issued))


@pytest.mark.django_db(transaction=True)
def test_concurrent_creation_makes_one_series():
    seller = make_seller()
    assert len(set(together(*[lambda: series_for(seller_id=seller.pk, sandbox=False)] * 8))) == 1
