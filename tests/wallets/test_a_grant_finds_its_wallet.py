"""A grant goes into the wallet that usage spends from first; a customer without one gets exactly one."""

import pytest
from django.db import connection

from tests.builders import JAN, make_customer
from tests.races import start, together
from wallets.ledger.wallet_lookup import WalletCriteria, find_or_open_wallet, find_or_open_wallets
from wallets.models import Wallet

pytestmark = pytest.mark.django_db


def find_wallet(customer, unit="credits", currency=""):
    return find_or_open_wallet(customer_id=customer.pk, unit=unit, currency=currency, at=JAN)


def make(customer, name, **fields):
    return Wallet.objects.create(customer=customer, name=name, **fields)


def test_the_lowest_priority_number_comes_first():
    customer = make_customer()
    make(customer, "Later", priority=60)
    first = make(customer, "First", priority=10)
    make(customer, "As early, made after", priority=10)
    assert find_wallet(customer) == first


MADE = [
    # requested             unit       currency  name
    ("credits", "", "credits", "EUR", "Credits"),
    ("credits", "USD", "credits", "USD", "Credits"),
    ("USD", "", "USD", "USD", "USD"),
    ("EUR", "EUR", "EUR", "EUR", "EUR"),
]


@pytest.mark.parametrize(("unit", "currency", "wallet_unit", "wallet_currency", "name"), MADE)
def test_a_customer_without_a_wallet_gets_one(unit, currency, wallet_unit, wallet_currency, name):
    customer = make_customer(currency="EUR")
    wallet = find_wallet(customer, unit, currency)
    assert (wallet.unit, wallet.currency, wallet.name) == (wallet_unit, wallet_currency, name)
    assert find_wallet(customer, unit, currency) == wallet
    assert Wallet.objects.count() == 1


def test_a_closed_wallet_and_another_unit_are_not_used():
    customer = make_customer()
    make(customer, "Credits", closed_at=JAN)
    make(customer, "Credits 2", unit="EUR", currency="EUR")
    assert find_wallet(customer).name == "Credits 3"


def test_credits_are_separated_by_the_currency_that_paid_for_them():
    customer = make_customer()
    euros = make(customer, "Euros", currency="EUR")
    assert find_wallet(customer) == euros
    assert find_wallet(customer, currency="USD") != euros


def test_a_gift_and_a_purchase_share_a_wallet():
    customer = make_customer()
    wallets = find_or_open_wallets(
        [WalletCriteria(customer.pk, "credits"), WalletCriteria(customer.pk, "credits", "USD")], at=JAN
    )
    assert len(set(wallets.values())) == 1


def test_many_customers_take_as_many_queries_as_one(django_assert_num_queries):
    customers = [make_customer() for _ in range(20)]
    sought = [WalletCriteria(customer.pk, "credits", "USD") for customer in customers]
    with django_assert_num_queries(6):  # read, currencies, savepoint, insert, release, read
        find_or_open_wallets(sought, at=JAN)
    with django_assert_num_queries(1):
        assert {wallet.customer_id for wallet in find_or_open_wallets(sought, at=JAN).values()} == {
            customer.pk for customer in customers
        }


@pytest.mark.django_db(transaction=True)
def test_a_wallet_created_meanwhile_by_another_process_is_used():
    customer, others = make_customer(), []

    def let_another_be_first(execute, sql, params, many, context):
        returned = execute(sql, params, many, context)
        if not others:
            others.append(start(lambda: find_wallet(customer)))
            others[0].result()
        return returned

    with connection.execute_wrapper(let_another_be_first):
        wallet = find_wallet(customer)
    assert [wallet] == [others[0].returned] == list(Wallet.objects.all())


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_get_the_same_wallet():
    customer = make_customer()
    wallets = together(*[lambda: find_wallet(customer)] * 6)
    assert len(set(wallets)) == 1 == Wallet.objects.count()


def test_its_creation_is_in_the_history():
    find_wallet(make_customer())
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.metadata ->> 'action'
            FROM wallets_walletevent e JOIN pghistory_context c ON c.id = e.pgh_context_id
        """)
        assert cursor.fetchall() == [("open a wallet",)]
