"""The demo's prepaid customers: what they bought, used day by day, let expire and owe. The traced invoices stay."""

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


def add(*, at: datetime) -> int:
    """Add the prepaid customers that are missing, with all that happened to them; return how many those were."""
    data = tomllib.loads((DATA / "prepaid.toml").read_text(encoding="utf-8"))
    for plan in data["plans"]:
        if not Plan.objects.filter(code=plan["code"]).exists():
            catalog.add_plan(catalog.features(), at=at - catalog.LAUNCHED_BEFORE, **plan)
    missing = [
        one for one in data["customers"] if not Customer.objects.filter(external_id=one["external_id"]).exists()
    ]
    if missing:
        sent = events(at)
        for one in missing:
            _add(at=at, sent=sent, **one)
    return len(missing)


@transaction.atomic
def _add(
    *,
    at: datetime,
    sent: list[dict[str, Any]],
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
    made = Wallet.objects.create(customer=customer, name=wallet, unit=unit)
    own = [
        one | {"customer": external_id, "id": f"{external_id}-{one['id']}"} for one in sent if one["customer"] == like
    ]
    for day, (begins, ends) in enumerate(_days(first, at)):
        of_day = [
            Grant(**_conditions(one, begins), source=f"demo:{n}") for n, one in enumerate(grants) if one["day"] == day
        ]
        if of_day:
            grant(wallet_id=made.pk, grants=of_day, at=begins)
        used = [one for one in own if begins <= datetime.fromisoformat(one["timestamp"]) < ends]
        if used:
            body = json.dumps(used).encode()
            found, refused, _ = parse_events(body, sandbox=False, at=ends, oldest=first - DAY, newest=ends)
            if refused:
                raise AssertionError(f"The demo's own events are refused: {refused[0]}")
            record_events(events=found, sandbox=False, at=ends)
        expire(wallet_id=made.pk, at=ends, grace_period=timedelta(0))


def _days(first: datetime, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield begin and end of each day until now."""
    begins = first
    while begins < at:
        ends = min(begins + DAY, at)
        yield begins, ends
        begins += DAY


def _conditions(told: Mapping[str, Any], begins: datetime) -> dict[str, Any]:
    expires_at = begins + told["days"] * DAY if "days" in told else None
    amounts = {name: Decimal(told[name]) for name in ("amount", "cost", "rollover_most") if name in told}
    return {"kind": told["kind"], "expires_at": expires_at, "rolls_over": told.get("rolls_over", 0), **amounts}
