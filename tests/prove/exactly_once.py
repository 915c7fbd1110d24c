"""
Send a million events with repeats, shuffled, many of them late, in three time zones: the bill equals the oracle's.

The oracle counts each event once, splits months by the customers' own clocks and prices with fractions; it shares no
line with the product. Half of the events come before the months are billed, the rest during and after the billing, so
that they are billed late; at the end each month of each customer must have the oracle's quantities and cents.
"""

import argparse
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from http.client import HTTPConnection
from math import ceil, floor
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection

from billing.closing import bill_late_usage, close_due
from billing.models import Period
from config.postgres import Cluster
from customers.api_keys import keys
from invoices.models import Line
from lib.task_clock import database_time
from tests.builders import (
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
    tier,
)
from tests.prove.final_check import books_are_sound, numbers_have_no_gap
from tests.prove.processes import Deployment
from tests.prove.verdict import Verdict, say

ZONES = ("America/New_York", "Asia/Kolkata", "Pacific/Auckland")
CUSTOMERS = 20
"""In each time zone."""

MONTHS = 3
REPEATS = 0.2
AT_THE_EDGE = 0.01
BATCH = 500
CLIENTS = 2
CLOSE_EVERY_SECONDS = 10
TOKEN_PRICES = {"atlas": "0.0000025", "borea": "0.0000107"}
OTHER_MODELS = "0.00000033"


@dataclass(frozen=True, slots=True)
class Event:
    """One request. milliseconds: of compute, reported as seconds with three decimals."""

    id: int
    customer: int
    at: datetime
    model: str
    tokens: int
    milliseconds: int

    def as_json(self) -> dict[str, object]:
        zone = ZoneInfo(ZONES[self.customer % len(ZONES)])
        return {
            "id": f"e{self.id}",
            "customer": f"c{self.customer}",
            "event": "request",
            # Senders write times of their own clock or in UTC.
            "timestamp": (self.at.astimezone(zone) if self.id % 2 else self.at).isoformat(),
            "properties": {"model": self.model, "tokens": self.tokens, "seconds": self.milliseconds / 1000},
        }


Quantities = dict[tuple[int, datetime, str], Fraction]
"""(customer, start of the month, priced item) → units."""


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove exactly_once", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args(arguments)
    verdict = Verdict(f"{options.events:,} events and {REPEATS:.0%} repeats", seed=options.seed)
    chance = random.Random(options.seed)
    now = database_time()
    months = {zone: _months(ZoneInfo(zone), now) for zone in ZONES}
    secret = _prepare(months, now)
    events = list(_events(options.events, months, chance))
    sendings = [*range(len(events)), *(chance.randrange(len(events)) for _ in range(int(REPEATS * len(events))))]
    chance.shuffle(sendings)

    house = Deployment(cluster)
    try:
        house.start("web")
        half = len(sendings) // 2
        answers = _send(house.port, secret, events, sendings[:half])
        say(f"  {half:,} sends before the months are billed: {dict(answers)}")
        with _Closing():
            answers += _send(house.port, secret, events, sendings[half:])
    finally:
        house.stop()
    say(f"  all {len(sendings):,} sends: {dict(answers)}")
    wanted = Counter(accepted=len(events), duplicate=len(sendings) - len(events))
    verdict.require(+answers == +wanted, f"responses to events were {dict(answers)}; expected {dict(wanted)}")
    _close_everything()
    _compare(_oracle(events, months), _billed(), verdict)
    numbers_have_no_gap(verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _months(zone: ZoneInfo, now: datetime) -> list[datetime]:
    """Return the starts of the last completed months, and the end of the last one, on the clock of the zone."""
    local = now.astimezone(zone)
    numbers = range(local.year * 12 + local.month - 1 - MONTHS, local.year * 12 + local.month)
    return [datetime(number // 12, number % 12 + 1, 1, tzinfo=zone).astimezone(UTC) for number in numbers]


def _prepare(months: dict[str, list[datetime]], now: datetime) -> str:
    """Create catalog and customers, and return the secret of an API key."""
    # Late usage without a cost gets an invoice as well, so that every quantity is on one.
    make_seller(grace=timedelta(0), zero_invoices="issue")
    usage = {"event_name": "request", "aggregation": "sum"}
    tokens = make_meter("tokens", value_property="tokens", dimensions=["model"], **usage)
    seconds = make_meter("seconds", value_property="seconds", **usage)
    requests = make_meter("requests", event_name="request")
    by_model = [rate(price, label=model, match={"model": model}) for model, price in TOKEN_PRICES.items()]
    offers = [
        offer(make_feature("tokens", meter=tokens), rates=[*by_model, rate(OTHER_MODELS, label="others")]),
        offer(
            make_feature("seconds", meter=seconds),
            included=500,
            rates=[
                rate(tiers=[tier(1000, "0.0123"), tier(5000, "0.0071", 2), tier(None, "0.00399")], label="seconds")
            ],
        ),
        offer(
            make_feature("requests", meter=requests),
            rates=[rate("0.37", model="package", package_size=100, label="requests")],
        ),
    ]
    version = publish(make_plan("exact", offers=offers), now - timedelta(days=400))
    for number in range(CUSTOMERS * len(ZONES)):
        zone = ZONES[number % len(ZONES)]
        starts_at, *_, ends_at = months[zone]
        subscribe(make_customer(f"c{number}", time_zone=zone), version, starts_at, at=now, ends_at=ends_at)
    return keys.issue(name="campaign", scopes=["ingest"], sandbox=False, by=None, at=now)[1]


def _events(count: int, months: dict[str, list[datetime]], chance: random.Random) -> Iterator[Event]:
    """Yield events of all months, some of them in the first or the last microsecond of one."""
    tick = timedelta(microseconds=1)
    for id_ in range(count):
        customer = chance.randrange(CUSTOMERS * len(ZONES))
        starts_at, *edges, ends_at = months[ZONES[customer % len(ZONES)]]
        if chance.random() < AT_THE_EDGE:
            at = chance.choice([starts_at, ends_at - tick, *edges, *(edge - tick for edge in edges)])
        else:
            at = starts_at + tick * chance.randrange((ends_at - starts_at) // tick)
        model = chance.choice(("atlas", "borea", "cygnus", "draco"))
        yield Event(id_, customer, at, model, chance.randrange(10_000), chance.randrange(9_000))


# Sending ------------------------------------------------------------------------------------------------------------


def _send(port: int, secret: str, events: Sequence[Event], sendings: Sequence[int]) -> Counter[str]:
    """Send these events in batches from several clients, and count the results."""
    answers: Counter[str] = Counter()
    lock = threading.Lock()

    def work(own_sendings: Sequence[int]) -> None:
        web = HTTPConnection("127.0.0.1", port, timeout=120)
        for start in range(0, len(own_sendings), BATCH):
            body = msgspec.json.encode([events[index].as_json() for index in own_sendings[start : start + BATCH]])
            web.request("POST", "/api/v1/events", body, {"Authorization": f"Bearer {secret}"})
            answer = web.getresponse()
            body_ = msgspec.json.decode(answer.read())
            with lock:
                if answer.status == 200:
                    answers.update({status: body_[status] for status in ("accepted", "duplicate")})
                else:
                    answers[f"{answer.status} {body_.get('detail', '')}"] += 1
                if (done := answers.total()) // 100_000 > (done - BATCH) // 100_000:
                    say(f"  {done:,} responses")

    clients = [threading.Thread(target=work, args=(sendings[number::CLIENTS],)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return answers


class _Closing(threading.Thread):
    """Bills due periods and late usage repeatedly while events arrive."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._enough = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while True:
                at = database_time()
                done = close_due(at=at)
                done.add(bill_late_usage(at=at))
                say(f"  billed meanwhile: {done.issued} invoices, {done.late_billed} late months, {done.busy} busy")
                if self._enough.wait(CLOSE_EVERY_SECONDS):
                    return
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join()
        if self.error:
            raise self.error


def _close_everything() -> None:
    for _ in range(100):
        at = database_time()
        close_due(at=at)
        bill_late_usage(at=at)
        if not Period.objects.filter(late_since__isnull=False).exists():
            return
    raise RuntimeError("late usage remains after a hundred attempts")


# The oracle ---------------------------------------------------------------------------------------------------------


def _oracle(events: Sequence[Event], months: dict[str, list[datetime]]) -> Quantities:
    quantities: Quantities = defaultdict(Fraction)
    for event in events:
        edges = months[ZONES[event.customer % len(ZONES)]]
        month = max(edge for edge in edges if edge <= event.at)
        rated_as = event.model if event.model in TOKEN_PRICES else "others"
        quantities[event.customer, month, rated_as] += event.tokens
        quantities[event.customer, month, "seconds"] += Fraction(event.milliseconds, 1000)
        quantities[event.customer, month, "requests"] += 1
    return quantities


def _price(name: str, quantity: Fraction) -> Fraction:
    """Price a month's quantity by the catalog above, to the cent, half-up."""
    if name == "requests":
        amount = ceil(quantity / 100) * Fraction("0.37")
    elif name == "seconds":
        paid = max(quantity - 500, Fraction(0))
        amount = min(paid, Fraction(1000)) * Fraction("0.0123")
        if paid > 1000:
            amount += 2 + (min(paid, Fraction(5000)) - 1000) * Fraction("0.0071")
        if paid > 5000:
            amount += (paid - 5000) * Fraction("0.00399")
    else:
        amount = quantity * Fraction(TOKEN_PRICES.get(name, OTHER_MODELS))
    return Fraction(floor(amount * 100 + Fraction(1, 2)), 100)


def _billed() -> dict[tuple[int, datetime, str], tuple[Fraction, Fraction]]:
    """Return the quantity and amount of the lines, with late ones included."""
    billed: dict[tuple[int, datetime, str], tuple[Fraction, Fraction]] = defaultdict(
        lambda: (Fraction(0), Fraction(0))
    )
    names = ("invoice__customer__external_id", "service_start", "rate__label", "quantity", "amount")
    for customer, month, name, quantity, amount in Line.objects.values_list(*names).iterator():
        key = (int(customer[1:]), month, name)
        before = billed[key]
        billed[key] = (before[0] + Fraction(quantity), before[1] + Fraction(amount))
    return billed


def _compare(
    wanted: Quantities, billed: dict[tuple[int, datetime, str], tuple[Fraction, Fraction]], verdict: Verdict
) -> None:
    for key in {*wanted, *billed}:
        should = (wanted.get(key, Fraction(0)), _price(key[2], wanted.get(key, Fraction(0))))
        verdict.require(billed.get(key) == should, f"{key} was billed {billed.get(key)}; the oracle expects {should}")
    owed = sum(_price(name, quantity) for (_, _, name), quantity in wanted.items())
    total = sum(amount for _, amount in billed.values())
    verdict.require(owed == total, f"{float(total):.2f} was billed; the oracle expects {float(owed):.2f}")
    late = Line.objects.filter(kind="late_usage").count()
    say(f"  oracle {float(owed):,.2f}, billed {float(total):,.2f} on {len(billed):,} sums, with {late:,} late lines")
