"""The billing work of the fault campaign: customers within their period, and others whose periods have ended."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction

from django.db import connection

from billing import subscriptions
from billing.models import Period, Subscription
from customers.api_keys import keys
from lib.task_clock import database_time
from tests.builders import fee, make_customer, make_meter, make_plan, make_seller, offer, publish, rate, subscribe
from tests.builders import make_feature as feature
from tests.prove.event_senders import Sender, Sent

POOL = 40
DAYS = 2
DAILY_FEE = Fraction(1)
UNIT_PRICE = Fraction(1, 100)


@dataclass
class Work:
    """
    The catalog, and the customers billed by it.

    fees: customer → fees that it owes in addition to usage, computed independently.
    """

    began: datetime
    secret: str
    pool: list[Subscription]
    daily: object
    fees: dict[str, Fraction] = field(default_factory=dict)
    _events: itertools.count = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def begin(cls) -> "Work":
        began = database_time()
        make_seller(grace=timedelta(0))
        meter = make_meter("units", event_name="work.done", aggregation="sum", value_property="units")
        offers = [offer(feature("units", meter=meter), rates=[rate("0.01")])]
        long_ago = began - timedelta(days=400)
        daily = publish(
            make_plan("daily", interval="day", fees=[fee("1", billed="arrears")], offers=offers), long_ago
        )
        monthly = publish(make_plan("monthly", offers=offers), long_ago)
        starts_at = began - timedelta(days=1)
        pool = [subscribe(make_customer(f"pool-{number}"), monthly, starts_at, at=began) for number in range(POOL)]
        _, secret = keys.issue(name="campaign", scopes=["ingest"], sandbox=False, by=None, at=began)
        return cls(began, secret, pool, daily)

    @property
    def pool_customers(self) -> list[str]:
        return [f"pool-{number}" for number in range(POOL)]

    def fall_due(self, sender: Sender, chance: random.Random) -> Sequence[int]:
        """
        Subscribe a customer whose two days have ended, send its usage, and return its periods, which are due now.

        Sometimes an earlier customer gets late usage.
        """
        customer = f"due-{len(self.fees) + 1}"
        midnight = datetime.combine(self.began.date(), time(), tzinfo=UTC)
        starts_at = midnight - timedelta(days=DAYS + 1)
        connection.close()
        subscription = subscribe(
            make_customer(customer),
            self.daily,
            starts_at,
            at=self.began,
            ends_at=starts_at + timedelta(days=DAYS),
        )
        self.fees[customer] = DAYS * DAILY_FEE
        sender.send(self._usage(customer, starts_at, chance, 10))
        if chance.random() < 0.2:
            sender.send(self._usage(chance.choice(list(self.fees)), starts_at, chance, 3))
        return list(Period.objects.filter(subscription=subscription).values_list("pk", flat=True))

    def _usage(self, customer: str, starts_at: datetime, chance: random.Random, count: int) -> list[Sent]:
        return [
            Sent(
                f"{customer}-{next(self._events)}",
                customer,
                starts_at + timedelta(seconds=chance.randrange(DAYS * 86_400)),
                chance.randint(1, 999),
            )
            for _ in range(count)
        ]

    def end(self) -> None:
        """Cancel the pool's subscriptions now, so that all usage becomes due."""
        connection.close()
        for subscription in self.pool:
            now = database_time()
            subscriptions.cancel(subscription=subscription, at=now, ends_at=now)

    def owed(self, customer: str, units: int) -> Fraction:
        """Return the total that a customer must have been billed."""
        return self.fees.get(customer, Fraction(0)) + units * UNIT_PRICE


def are_closed(period_ids: Sequence[int]) -> bool:
    connection.close()
    return not Period.objects.filter(pk__in=period_ids, state="open").exists()
