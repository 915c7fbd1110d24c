"""A page runs as many queries for thirty rows as for three."""

from decimal import Decimal

import pytest
from django.contrib import admin
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing.models.postings import Posting
from billing.revenue.reports.registry import REPORTS
from billing.revenue.reports.table import RowList
from plans.models import Plan, PlanFeature, Price, PublishingRule
from tests.builders import fee, make_customer, make_feature, make_plan, offer, publish, rate, subscribe, tier
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Wallet

FEW, MANY = 3, 25
APPS = ("plans", "customers", "invoices", "wallets", "billing")
LISTS = [
    model._meta
    for model in admin.site._registry
    if model._meta.app_label in APPS and model not in (PlanFeature, Posting, Price, PublishingRule)
]
OTHERS = [
    "/admin/",
    "/admin/changes/",
    "/admin/billing/period/closing/",
    "/admin/billing/period/usage/",
    *(f"/admin/billing/posting/reports/{code}/" for code in REPORTS),
    *(f"/admin/billing/posting/rows/?list={rows.value}" for rows in RowList),
    "/admin/customers/seller/revenue/mrr/",
    f"/admin/customers/seller/revenue/mrr/customers/?month={timezone.now():%Y-%m}",
    "/admin/invoices/monthlock/month-end/",
    "/admin/invoices/monthlock/payments/",
]


def queries_of(client, address):
    """Return the queries of a page. Its figures are cached for seconds: without them, each request computes them."""
    caches["memory"].clear()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200, address
    return _without_session(query["sql"] for query in captured)


def _without_session(statements):
    """Leave out that a session is kept alive, which happens once a minute, whatever the page."""
    kept, savepoint = [], ""
    for sql in statements:
        if sql.startswith('UPDATE "django_session"'):
            savepoint = kept.pop().removeprefix("SAVEPOINT ")
        elif not savepoint or sql != f"RELEASE SAVEPOINT {savepoint}":
            kept.append(sql)
    return kept


@pytest.fixture
def counts(member, company):
    """Return a function that counts, for each address, the queries for a small company and for a larger one."""
    client = member("root")

    def count_queries(addresses):
        company(FEW)
        few = {address: len(queries_of(client, address)) for address in addresses}
        company(MANY - FEW)
        return [(address, few[address], queries_of(client, address)) for address in addresses]

    return count_queries


def test_each_list_runs_a_fixed_number_of_queries(counts):
    lists = [reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist") for meta in LISTS]
    for address, few, many in counts([*lists, *OTHERS]):
        assert len(many) <= few, f"{address}\n" + "\n".join(many)
        for sql in many:
            assert not sql.startswith("SELECT COUNT(*)") or " LIMIT " in sql, f"{address} counts to the end: {sql}"


def test_the_page_of_a_version_runs_a_fixed_number_of_queries(member):
    few, many = (_version(features=number, rates=2) for number in (2, 8))
    _assert_same_count(member("root"), "plans_planversion_change", few.pk, many.pk)


def test_a_price_sheet_runs_a_fixed_number_of_queries(member):
    few, many = (_version(features=number, rates=number) for number in (2, 8))
    _assert_same_count(member("root"), "plans_planversion_price_sheet", few.pk, many.pk)


def test_the_effects_of_a_price_sheet_runs_a_fixed_number_of_queries(member):
    client, counts = member("root"), []
    for number in (2, 3, 8):  # the first one fills caches
        address = reverse("admin:plans_planversion_price_sheet", args=[_version(features=2, rates=number).pk])
        with CaptureQueriesContext(connection) as captured:
            assert "Example bill" in client.post(address, {"do": "preview"}).content.decode()
        counts.append(len(captured))
    assert counts[2] <= counts[1]


def test_the_page_of_a_price_runs_a_fixed_number_of_queries(member):
    few, many = (_version(features=1, rates=number) for number in (2, 8))
    _assert_same_count(member("root"), "plans_price_change", *(_price(version).pk for version in (few, many)))


def test_the_page_of_a_plan_runs_a_fixed_number_of_queries(member):
    few, many = (_plan(versions=number) for number in (2, 8))
    _assert_same_count(member("root"), "plans_plan_change", few.pk, many.pk)


def test_the_page_of_a_customer_runs_a_fixed_number_of_queries(member):
    few, many = (_customer(plans=number) for number in (2, 6))
    _assert_same_count(member("root"), "customers_customer_change", few.pk, many.pk)


def test_the_page_of_a_wallet_runs_a_fixed_number_of_queries(member):
    _assert_same_count(member("root"), "wallets_wallet_change", *(_wallet(lots=number).pk for number in (2, 8)))


def _wallet(*, lots):
    wallet = Wallet.objects.create(customer=make_customer())
    for number in range(lots):
        at = timezone.now()
        feature = make_feature(f"of-{lots}-{number}")
        grant(wallet_id=wallet.pk, grants=[Grant("bonus", Decimal(5), str(number))], at=at)
        spend(wallet_id=wallet.pk, amount=Decimal(3), reference=str(number), feature_id=feature.pk, at=at)
    return wallet


def _assert_same_count(client, name, few, many):
    for pk in (few, many):  # the first request creates rows, such as periods up to today
        client.get(reverse(f"admin:{name}", args=[pk]))
    queries_for_few, queries_for_many = (
        queries_of(client, reverse(f"admin:{name}", args=[pk])) for pk in (few, many)
    )
    assert len(queries_for_many) <= len(queries_for_few), "\n".join(queries_for_many)


def _version(*, features, rates):
    ladder = [tier("10", "2"), tier(None, "1")]
    described = [rate(tiers=ladder, match={"model": f"m{number}"}) for number in range(rates)]
    offers = [offer(f"f{features}-{rates}-{number}", rates=described) for number in range(features)]
    return make_plan(fees=[fee("5")], offers=offers)


def _price(version):
    return Price.objects.get(plan_feature__version=version)


def _plan(*, versions):
    code = f"plan-of-{versions}"
    for _ in range(versions):
        make_plan(code, fees=[fee("5")])
    return Plan.objects.get(code=code)


def _customer(*, plans):
    customer = make_customer()
    for number in range(plans):
        offers = [offer(f"of-{plans}-{number}", rates=[rate("1")])]
        subscribe(customer, publish(make_plan(offers=offers)))
    return customer
