"""Clients signed in as staff of each group, and a small company whose rows fill the pages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from billing.closing import close_due
from billing.limits.alerts.rule_settings import AlertScope, set_alert_rule
from billing.metering.imports.job import start_import
from billing.models import Alert, Job, Subscription, UnmatchedUsage
from customers.api_keys import keys
from customers.notifications import announce, webhook_endpoints
from customers.notifications.fan_out import fan_out
from plans.models import Feature
from plans.publishing import publication
from tests.builders import (
    APR,
    FEB,
    JAN,
    fee,
    make_clock,
    make_customer,
    make_pack,
    make_plan,
    make_tax,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
    tier,
    use,
)
from wallets.auto_topup import CeilingLimits, TopUpRuleRequest, set_rule, top_up_wallets
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Wallet
from wallets.purchases import PackOrder, buy

_serial = count(1)
_key = count(1)


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Clear the cache: the dashboard caches its sums for a minute."""
    caches["memory"].clear()


@pytest.fixture
def member(db: None) -> Callable[[str], Client]:
    """Return a function that signs in a staff user of a group and returns the client; “root” has every permission."""

    def sign_in(group: str) -> Client:
        name = f"{group.replace(' ', '-')}-{next(_serial)}"
        user = User.objects.create_user(name, is_staff=True, is_superuser=group == "root", first_name=group.title())
        if group != "root":
            user.groups.add(Group.objects.get(name=group))
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def company(db: None) -> Callable[[int], None]:
    """Return a function that adds `many` rows of everything that a list shows, with the rows they depend on."""

    def add(many: int) -> None:
        for _ in range(many):
            _add_row_of_each()
        close_due(at=FEB.replace(day=2))

    return add


def _add_row_of_each() -> None:
    number = next(_serial)
    customer = make_customer(f"customer-{number}")
    make_customer(f"tried-{number}", sandbox=True, test_clock=make_clock())
    ladder = [tier("10000", "0.002"), tier(None, "0.001")]
    offers = [offer(f"calls-{number}", included=100, rates=[rate(tiers=ladder)])]
    version = publish(make_plan(f"plan-{number}", fees=[fee("10")], offers=offers))
    publication.new_version(source=version, by=None, at=APR)
    subscription = subscribe(customer, version)
    use(subscription, f"calls-{number}", 500)
    make_tax(19, seller=customer.seller, country=f"{chr(65 + number // 26 % 26)}{chr(65 + number % 26)}")
    keys.issue(name=f"key {number}", scopes=["ingest"], sandbox=False, by=None, at=JAN)
    customer.contacts.create(email=f"contact-{number}@example.com")
    webhook_endpoints.create(url=f"https://example.com/{number}", by=None)
    announce(kind="alert.fired", customer_id=customer.pk, facts={"limit": "80"}, key=f"alert:{number}", at=JAN)
    fan_out(at=JAN)
    wallet = Wallet.objects.create(customer=customer, at_zero="grace", grace=50)
    add_spends(wallet, number)
    add_alert(subscription)
    add_unmatched(customer_ref=f"nobody-{number}")
    add_import(f"usage-{number}.csv")
    pack = make_pack(f"pack-{number}", slabs=[(0, 10, 0)])
    packs = make_wallet(customer, name="Packs").pk
    buy(wallet_id=packs, order=PackOrder(pack.code, "first"), at=JAN)
    ceiling = CeilingLimits("finance", "day", most=5)
    set_rule(wallet_id=packs, request=TopUpRuleRequest(pack.code, percent=Decimal(20), ceilings=[ceiling]), at=JAN)
    top_up_wallets(wallet_ids=[packs], at=JAN)


def add_alert(subscription: Subscription) -> None:
    """Add an alert rule of the subscription with an open alert."""
    arguments = {"levels": [50], "amount": Decimal(10), "at": JAN}
    rule = set_alert_rule(kind="spend", scope=AlertScope(subscription=subscription), **arguments)
    figures = {"threshold": 50, "value": 6, "limit": 10, "agreed_limit": 10, "unit": "USD"}
    Alert.objects.create(
        alert_rule=rule,
        customer=subscription.customer,
        subscription=subscription,
        since=JAN,
        ends_at=timezone.now() + timedelta(days=1),
        fired_at=JAN,
        **figures,
    )


def add_spends(wallet: Wallet, number: int) -> None:
    """Grant into a wallet, then spend more than the grant, so that the wallet owes the rest."""
    at = timezone.now()
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", Decimal(10), "pack", cost=Decimal(8))], at=at)
    feature = Feature.objects.get(code=f"calls-{number}")
    spend(wallet_id=wallet.pk, amount=Decimal(25), reference="use", feature_id=feature.pk, at=at)


def add_unmatched(**fields: Any) -> UnmatchedUsage:
    """Return an event of an unknown customer, unless `fields` give other values."""
    number = next(_key)
    facts = {
        "event_key": f"00000000-0000-0000-0000-{number:012}",
        "sequence": number,
        "occurred_at": datetime(2026, 1, 5, tzinfo=UTC),
        "sandbox": False,
        "customer_ref": "nobody",
        "event_name": "api.call",
        "reason": "unknown_customer",
        "detail": "nobody",
    }
    return UnmatchedUsage.objects.create(**facts | fields)


def add_import(name: str, rows: str = "1,nobody,api.call\n", **more: Any) -> Job:
    """Return a job that imports a file and that no worker has started."""
    parameters = {"format_": "csv", "names": {}, "id_from": [], "sandbox": False, "by": None, "at": JAN}
    return start_import(file=BytesIO(f"id,customer,event\n{rows}".encode()), file_name=name, **parameters | more)
