"""What is granted goes into the wallet that use takes first; a customer who has none gets one, and never two."""

import pytest
from django.db import connection

from tests.builders import JAN, make_customer
from tests.races import start, together
from wallets.ledger.wallet_lookup import WalletCriteria, find_or_open_wallet, find_or_open_wallets
from wallets.models import Wallet

pytestmark = pytest.mark.django_db


def find(customer, unit="credits", currency=""):
    return find_or_open_wallet(customer_id=customer.pk, unit=unit, currency=currency, at=JAN)


def make(customer, name, **fields):
    return Wallet.objects.create(customer=customer, name=name, **fields)


def test_the_lowest_priority_number_comes_first():
    customer = make_customer()
    make(customer, "Later", priority=60)
    first = make(customer, "First", priority=10)
    make(customer, "As early, made after", priority=10)
    assert find(customer) == first


MADE = [
    # asked for           unit       currency  name
    ("credits", "", "credits", "EUR", "Credits"),
    ("credits", "USD", "credits", "USD", "Credits"),
    ("USD", "", "USD", "USD", "USD"),
    ("EUR", "EUR", "EUR", "EUR", "EUR"),
]


@pytest.mark.parametrize(("unit", "currency", "holds", "paid_in", "name"), MADE)
def test_a_customer_without_one_gets_one(unit, currency, holds, paid_in, name):
    customer = make_customer(currency="EUR")
    wallet = find(customer, unit, currency)
    assert (wallet.unit, wallet.currency, wallet.name) == (holds, paid_in, name)
    assert find(customer, unit, currency) == wallet
    assert Wallet.objects.count() == 1


def test_a_closed_wallet_and_another_unit_are_left_alone():
    customer = make_customer()
    make(customer, "Credits", closed_at=JAN)
    make(customer, "Credits 2", unit="EUR", currency="EUR")
    assert find(customer).name == "Credits 3"


def test_credits_are_kept_apart_by_the_currency_that_paid_for_them():
    customer = make_customer()
    euros = make(customer, "Euros", currency="EUR")
    assert find(customer) == euros
    assert find(customer, currency="USD") != euros


def test_one_wallet_serves_a_gift_and_a_purchase():
    customer = make_customer()
    found = find_or_open_wallets(
        [WalletCriteria(customer.pk, "credits"), WalletCriteria(customer.pk, "credits", "USD")], at=JAN
    )
    assert len(set(found.values())) == 1


def test_many_customers_take_as_many_statements_as_one(django_assert_num_queries):
    customers = [make_customer() for _ in range(20)]
    sought = [WalletCriteria(customer.pk, "credits", "USD") for customer in customers]
    with django_assert_num_queries(6):  # read, who pays in what, a savepoint, insert, its end, read
        find_or_open_wallets(sought, at=JAN)
    with django_assert_num_queries(1):
        assert {find_or_open_wallet.customer_id for find_or_open_wallet in find_or_open_wallets(sought, at=JAN).values()} == {
            customer.pk for customer in customers
        }


@pytest.mark.django_db(transaction=True)
def test_who_has_found_none_makes_no_second_one_beside_what_another_made_since():
    customer, others = make_customer(), []

    def let_another_be_first(execute, sql, params, many, context):
        returned = execute(sql, params, many, context)
        if not others:
            others.append(start(lambda: find(customer)))
            others[0].result()
        return returned

    with connection.execute_wrapper(let_another_be_first):
        mine = find(customer)
    assert [mine] == [others[0].returned] == list(Wallet.objects.all())


@pytest.mark.django_db(transaction=True)
def test_whoever_comes_at_the_same_moment_gets_the_same_wallet():
    customer = make_customer()
    found = together(*[lambda: find(customer)] * 6)
    assert len(set(found)) == 1 == Wallet.objects.count()


def test_who_made_it_is_told_in_its_history():
    find(make_customer())
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.metadata ->> 'action'
            FROM wallets_walletevent e JOIN pghistory_context c ON c.id = e.pgh_context_id
        """)
        assert cursor.fetchall() == [("open a wallet",)]
