"""One calendar shows versions, changes of subscriptions, ends of terms, custom prices and credits by day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from billing.models import Period
from billing.plan_migrations.cohort import MigrationTerms, Selection, plan_migration
from plans.publishing.publication import new_version
from plans.publishing.publication import publish as publish_version
from tests.builders import (
    JAN,
    add_override,
    fee,
    make_customer,
    make_plan,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from wallets.ledger.grant import Grant
from wallets.operations.manual_grants import grant_manually

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance(client) -> Client:
    user = User.objects.create_user("fiona", is_staff=True)
    user.groups.add(Group.objects.get(name="finance"))
    client.force_login(user)
    return client


@pytest.fixture
def future() -> datetime:
    """Return noon on the 12th of the month after the next one."""
    now = timezone.now()
    return (now.replace(day=1) + timedelta(days=70)).replace(day=12, hour=12, minute=0, second=0, microsecond=0)


def page(client, **query) -> str:
    answer = client.get("/admin/billing/scheduledchange/calendar/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def day_of(client, moment) -> str:
    return page(client, day=f"{moment.astimezone(UTC):%Y-%m-%d}").split('id="day-heading"')[1]


@pytest.fixture
def version(db):
    return publish(make_plan("pro", fees=[fee("10")], offers=[offer("calls", rates=[rate("0.10")])]))


def test_a_scheduled_version_is_on_its_day(finance, version, future):
    draft = new_version(source=version, by=None, at=JAN)
    publish_version(version=draft, by=None, at=timezone.now(), effective_from=future, audience="new")
    assert "1 version takes effect" in page(finance, month=f"{future:%Y-%m}")
    assert f'<a href="/admin/plans/planversion/{draft.pk}/change/">Pro v2</a>' in day_of(finance, future)
    assert "takes effect" not in day_of(finance, future + timedelta(days=1))


def test_dates_of_subscriptions_and_credits_are_counted_by_day(finance, version, future):
    customer = make_customer(legal_name="Cedar Ltd")
    subscription = subscribe(customer, version)
    add_override(subscription, "calls", "percent", -20, at=timezone.now(), starts_at=future)
    Period.objects.filter(subscription=subscription, kind="regular").update(due_at=future)
    subscription.ends_at = future
    subscription.save()
    credits = Grant("bonus", Decimal(5), "gift", expires_at=future)
    grant_manually(wallet=make_wallet(customer), terms=credits, at=timezone.now())

    listing = day_of(finance, future)
    for text in (
        "1 custom price begins",
        "1 subscription ends",
        "1 period to invoice",
        "1 lot of credits expires",
        "Cedar Ltd: Pro v1",
    ):
        assert text in listing, text
    assert "Cedar Ltd: calls" in listing or "Cedar Ltd: Calls" in listing


def test_sandbox_dates_are_shown_when_switched(finance, version, future):
    subscription = subscribe(make_customer(sandbox=True, legal_name="Trial Ltd"), version)
    subscription.ends_at = future
    subscription.save()
    assert "Trial Ltd" not in day_of(finance, future)
    finance.post("/admin/switch/", {"rows": "sandbox"})
    assert "Trial Ltd" in day_of(finance, future)


@pytest.mark.parametrize("sandbox", [False, True])
def test_a_migration_is_on_the_calendar_of_its_side(finance, version, future, sandbox):
    subscribe(make_customer(sandbox=sandbox), version)
    plan_migration(
        title="To basic",
        version=publish(make_plan("basic", fees=[fee("5")], offers=[offer("calls", rates=[rate("0.10")])])),
        selection=Selection(plan="pro"),
        terms=MigrationTerms(when="date", moment=future),
        sandbox=sandbox,
        at=timezone.now(),
    )
    assert ("To basic" in day_of(finance, future)) is not sandbox
    finance.post("/admin/switch/", {"rows": "sandbox"})
    assert ("To basic" in day_of(finance, future)) is sandbox


def test_a_month_takes_as_many_queries_with_many_rows(finance, version, future, django_assert_max_num_queries):
    for _ in range(12):
        subscription = subscribe(make_customer(), version)
        subscription.ends_at = future
        subscription.save()
    page(finance)
    with django_assert_max_num_queries(32):
        assert "12 subscriptions end" in page(finance, month=f"{future:%Y-%m}")


@pytest.mark.parametrize("query", [{"month": "9999-12"}, {"month": "x"}, {"day": "2026-02-30"}, {"month": "0001-01"}])
def test_a_wrong_date_shows_this_month(finance, query):
    assert f"{timezone.now():%B %Y}" in page(finance, **query)


def test_an_empty_day_says_so(finance, future):
    assert "Nothing is scheduled for this day." in day_of(finance, future)
