"""Customers with plans, usage, wallets, invoices and bulk work, which requests of the campaigns name."""

from datetime import datetime, timedelta
from decimal import Decimal

from billing.closing import close_due
from billing.metering.ingest import parser
from billing.metering.ingest.event_recorder import record_events
from billing.plan_migrations.cohort import MigrationTerms, Selection, plan_migration
from billing.simulation.cohorts import Cohort
from billing.simulation.job import start_simulation
from customers.api_keys import keys
from customers.models import Customer, TestClock, WebhookEndpoint
from customers.notifications import webhook_endpoints
from invoices.models import Invoice
from lib.task_clock import database_time
from tests.builders import (
    fee,
    make_clock,
    make_coupon,
    make_customer,
    make_feature,
    make_meter,
    make_pack,
    make_plan,
    make_seller,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, Purchase, Wallet
from wallets.purchases import PackOrder, buy

CUSTOMERS, FEW = 20, 4


def make_data() -> tuple[list[str], dict[str, list[object]]]:
    """
    Create customers with plans, usage and invoices; return the keys' secrets, and the names that requests may use.
    """
    at = database_time()
    make_seller("acme", grace=timedelta(0))
    meter = make_meter(
        "units", event_name="work.done", aggregation="sum", value_property="units", dimensions=["model"]
    )
    offers = [
        offer(
            make_feature("units", meter=meter), included=5, rates=[rate(tiers=[tier(100, "0.5"), tier(None, "0.1")])]
        ),
        offer(
            make_feature("calls", meter=make_meter("calls", event_name="call")), included=100, consumption="hard_cap"
        ),
        offer(make_feature("support", kind="boolean")),
    ]
    version = publish(
        make_plan("pro", fees=[fee("10"), fee("5", billed="arrears", label="Seats")], offers=offers),
        at - timedelta(90),
    )
    extra = publish(make_plan("extra", fees=[fee("1", billed="arrears")]), at - timedelta(90))
    for number in range(CUSTOMERS):
        customer = make_customer(f"c{number}")
        subscribe(customer, version, at - timedelta(40), at=at, external_id=f"s{number}")
        body = b'{"id": "%d", "customer": "c%d", "event": "work.done", "properties": {"units": 7}}' % (number, number)
        then = at - timedelta(35)
        events, _, _ = parser.parse_events(body, sandbox=False, at=then, oldest=then, newest=at)
        record_events(events=events, sandbox=False, at=then)
    close_due(at=at)
    for number in range(CUSTOMERS, 2 * CUSTOMERS):
        make_customer(f"c{number}")
    make_pack("hundred")
    coupons = [make_coupon(f"OFF{number}", percent=10) for number in range(CUSTOMERS)]
    for number in range(FEW):
        webhook_endpoints.create(url=f"https://hooks.example/{number}", by=None)
        make_clock(at - timedelta(30))
        who = Selection(plan="pro", ids=(f"s{number}",))
        plan_migration(title=f"Cohort {number}", version=extra, selection=who, terms=MigrationTerms(), at=at)
        start_simulation(versions=[version], cohort=Cohort(plan_id=version.plan_id), periods=1, by=None, at=at)
    wallets = [_wallet(number, at) for number in range(CUSTOMERS)]
    known = {
        "wallet": [wallet.pk for wallet in wallets],
        "lot": list(Lot.objects.values_list("pk", flat=True)),
        "pack": ["hundred"],
        "coupon": [coupon.code for coupon in coupons],
        "webhook": list(WebhookEndpoint.objects.values_list("pk", flat=True)),
        "clock": list(TestClock.objects.values_list("pk", flat=True)),
        "purchase": list(Purchase.objects.values_list("pk", flat=True)),
        "unit": ["credits", "USD"],
        "customer": [f"c{number}" for number in range(2 * CUSTOMERS)],
        "subject": [f"c{number}" for number in range(CUSTOMERS)],
        "subscription": [f"s{number}" for number in range(CUSTOMERS)],
        "plan": ["pro", "extra"],
        "feature": ["units", "calls", "support"],
        "meter": ["units", "calls"],
        "event": ["work.done", "call", "other"],
        "type": ["work.done"],
        "seller": ["acme"],
        "currency": ["USD"],
        "country": ["US", "DE", "JP"],
        "locale": ["en_US", "de_DE"],
        "time_zone": ["Europe/Berlin", "Asia/Kolkata"],
        "group_by": ["model"],
        "quantity": ["1", "2.5", "0"],
        "invoice": list(Invoice.objects.values_list("pk", flat=True)),
        "version": [1],
        "number": [*range(1, FEW + 1), "INV-000001"],
        "limit": [1, 50, 200],
        "cursor": [],
    }
    issue = {"name": "fuzz", "scopes": ["ingest", "read", "manage"], "by": None, "at": at}
    return [keys.issue(sandbox=sandbox, **issue)[1] for sandbox in (False, True)], known


def _wallet(number: int, at: datetime) -> Wallet:
    """Create a customer's wallet with a lot of each kind that can be changed, and an unpaid purchase."""
    wallet = make_wallet(Customer.objects.get(external_id=f"c{number}"))
    lots = [
        Grant("purchased", Decimal(1_000), "old", cost=Decimal(990)),
        Grant("promotional", Decimal(50), "welcome"),
    ]
    grant(wallet_id=wallet.pk, grants=lots, at=at)
    buy(wallet_id=wallet.pk, order=PackOrder(pack="hundred", reference="first"), at=at)
    return wallet
