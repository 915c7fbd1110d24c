"""
The demo's prepaid customers: their grants, daily usage, expired lots and debts. Invoices of the trace are unaffected.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from billing import subscriptions
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import parse_events
from customers.models import Customer, Seller
from demo import catalog
from demo.days import month_start
from demo.trace import DATA, events
from plans.models import Plan, PlanVersion
from wallets.ledger.expiry import expire
from wallets.ledger.grant import Grant, grant
from wallets.models import Wallet

DAY = timedelta(days=1)
SELLER = "lumenfold-us"
CREDITS = "credits"
"""The plan of prepaid credits."""


def add(*, at: datetime) -> int:
    """Add the missing prepaid customers with their whole history; return how many were added."""
    add_plans(at)
    missing = [
        customer_data
        for customer_data in _data()["customers"]
        if not Customer.objects.filter(external_id=customer_data["external_id"]).exists()
    ]
    if missing:
        trace_events = events(at)
        for missing_customer in missing:
            _add(at=at, trace_events=trace_events, **missing_customer)
    return len(missing)


def add_plans(at: datetime) -> None:
    """Publish the missing plans of prepaid customers."""
    for plan in _data()["plans"]:
        if not Plan.objects.filter(code=plan["code"]).exists():
            catalog.add_plan(catalog.features(), at=at - catalog.LAUNCHED_BEFORE, **plan)


def _data() -> dict[str, Any]:
    return tomllib.loads((DATA / "prepaid.toml").read_text(encoding="utf-8"))


@transaction.atomic
def _add(
    *,
    at: datetime,
    trace_events: list[dict[str, Any]],
    external_id: str,
    like: str,
    plan: str,
    unit: str,
    wallet: str,
    facts: dict[str, str],
    grants: list[dict[str, Any]],
) -> None:
    customer = Customer.objects.create(
        external_id=external_id,
        seller=Seller.objects.get(code=SELLER),
        email=f"billing@{external_id}.example",
        **facts,
    )
    zone = ZoneInfo(customer.time_zone)
    first = datetime.combine(month_start(at, zone, months_back=1), datetime.min.time(), zone)
    version = PlanVersion.objects.get(plan__code=plan, number=1)
    subscriptions.start(
        customer=customer, version=version, starts_at=first, at=at, external_id=f"{external_id}-{plan}"
    )
    wallet_row = Wallet.objects.create(customer=customer, name=wallet, unit=unit)
    own_events = [
        event | {"customer": external_id, "id": f"{external_id}-{event['id']}"}
        for event in trace_events
        if event["customer"] == like
    ]
    for day, (begins, ends) in enumerate(_days(first, at)):
        day_grants = [
            Grant(**_grant_fields(grant_data, begins), source=f"demo:{n}")
            for n, grant_data in enumerate(grants)
            if grant_data["day"] == day
        ]
        if day_grants:
            grant(wallet_id=wallet_row.pk, grants=day_grants, at=begins)
        usage = [event for event in own_events if begins <= datetime.fromisoformat(event["timestamp"]) < ends]
        if usage:
            body = json.dumps(usage).encode()
            parsed_events, refused, _ = parse_events(body, sandbox=False, at=ends, oldest=first - DAY, newest=ends)
            if refused:
                raise AssertionError(f"The demo's own events are refused: {refused[0]}")
            record_events(events=parsed_events, sandbox=False, at=ends)
        expire(wallet_id=wallet_row.pk, at=ends, grace_period=timedelta(0))


def _days(first: datetime, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the start and end of each day until now."""
    begins = first
    while begins < at:
        ends = min(begins + DAY, at)
        yield begins, ends
        begins += DAY


def _grant_fields(grant_data: Mapping[str, Any], begins: datetime) -> dict[str, Any]:
    expires_at = begins + grant_data["days"] * DAY if "days" in grant_data else None
    amounts = {name: Decimal(grant_data[name]) for name in ("amount", "cost", "rollover_most") if name in grant_data}
    return {
        "kind": grant_data["kind"],
        "expires_at": expires_at,
        "rolls_over": grant_data.get("rolls_over", 0),
        **amounts,
    }
