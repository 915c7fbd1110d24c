"""Customers with plans, usage, wallets, invoices and bulk work, which requests of the campaigns name."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from billing.closing import close_due
from billing.metering.ingest import parser
from billing.metering.ingest.event_recorder import record_events
from billing.models import Job, Reservation, Subscription
from billing.models.jobs import JobKind
from billing.plan_migrations.cohort import MigrationTerms, Selection, plan_migration
from billing.revenue.reports.registry import REPORTS
from billing.simulation.cohorts import Cohort
from billing.simulation.job import start_simulation
from customers.api_keys import keys
from customers.models import ApiKey, Customer, TestClock, WebhookEndpoint
from customers.notifications import webhook_endpoints
from invoices.models import Invoice
from lib.task_clock import database_time
from tests.api.calls import Caller
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
from tests.prove.api_paths import PathValues, Values
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


def add_rows(live: Caller) -> None:
    """Create the rows that only requests create, for a few customers; requests of the campaign name them."""
    place = {"address_line1": "Street 1", "postal_code": "10115", "city": "Berlin"}
    live.patch("/sellers/acme", {**place, "country": "DE", "tax_number": "DE123456788", "email": "a@acme.example"})
    invoice_ids = Invoice.objects.order_by("pk").values_list("pk", flat=True)[:FEW]
    for number in range(FEW):
        live.patch(f"/customers/c{number}", place)
        customer, subscription = f"/customers/c{number}", f"/subscriptions/s{number}"
        match = {"feature": "units", "figure": "included", "value": "9", "reason": "deal"}
        line = {"description": "Work", "unit_price": "10"}
        for address, body in (
            (f"{customer}/contacts", {"email": f"c{number}@example.com", "name": "Ada"}),
            (f"{customer}/spend-caps", {"amount": "5000"}),
            (f"{customer}/coupons", {"coupon": f"OFF{number}"}),
            (f"{subscription}/spend-caps", {"amount": "900"}),
            (f"{subscription}/overrides", match),
            (f"{subscription}/commitments", {"minimum": "10", "reason": "deal"}),
            (f"{subscription}/coupons", {"coupon": f"OFF{number + FEW}"}),
            ("/alert-rules", {"customer": f"c{number}", "kind": "spend", "amount": "50.00"}),
            ("/subscriptions", {"id": f"draft{number}", "customer": f"c{number}", "plan": "extra", "draft": True}),
            ("/invoices", {"customer": f"c{number}", "lines": [line]}),
            ("/invoices", {"customer": f"c{number}", "lines": [line], "issue": True}),
            (f"/invoices/{invoice_ids[number]}/payments", {"reference": "statement 1"}),
            ("/credit-notes", {"invoice": invoice_ids[number], "reason": "Outage", "to": "balance"}),
            (f"{customer}/balances/payouts", {"amount": "1", "currency": "USD"}),
            ("/reservations", {"id": f"r{number}", "customer": f"c{number}", "feature": "calls"}),
            ("/keys", {"name": f"Key {number}", "scopes": ["read"]}),
        ):
            response = live.post(address, body)
            assert response.status_code in (201, 202), (address, response.content)
    for webhook in WebhookEndpoint.objects.values_list("pk", flat=True):
        live.post(f"/webhooks/{webhook}/test", {})


def path_values(callers: Sequence[Caller], known: Mapping[str, list[object]]) -> dict[str, list[Values]]:
    """Return the values of the parameters of each path. callers: with a live and with a sandbox key."""
    document = SchemaGenerator().get_schema(request=None, public=True)

    def read(address: str) -> Any:
        caller = callers["test-clocks" in address]
        response = caller.get(address.removeprefix("/api/v1"))
        return response.json() if response.status_code == 200 else None

    own_keys = {caller.key.pk for caller in callers}
    numbers = {
        "jobs.number": list(Job.objects.values_list("pk", flat=True)),
        "simulations.number": list(Job.objects.filter(kind=JobKind.SIMULATION).values_list("pk", flat=True)),
        "reservations.number": list(Reservation.objects.values_list("pk", flat=True)),
        "keys.number": [pk for pk in ApiKey.objects.values_list("pk", flat=True) if pk not in own_keys],
        "revenue.report": [*REPORTS],
        "lines.position": [1, 2, 3],
    }
    few = Subscription.objects.filter(customer__external_id__in=[f"c{number}" for number in range(FEW)])
    numbers["subscriptions.subscription"] = list(few.values_list("external_id", flat=True))
    listed = {name: values for name, values in known.items() if name not in ("number", "invoice", "subscription")}
    values = PathValues(document, read, listed | numbers).all()
    # An erased customer serves no other request.
    values["/api/v1/customers/{customer}/erase"] = [
        {"customer": f"c{2 * CUSTOMERS - 1 - number}"} for number in range(FEW)
    ]
    return values


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
