"""Eight senders repeat each event in overlapping batches: the sums equal those of the distinct events."""

import random
from collections import Counter
from decimal import Decimal

import pytest

from billing.models import Event, Rollup, Subscription
from tests.billing.metering.ingest.ingest_setup import counted, make_metered_subscription, request, send
from tests.builders import make_customer, subscribe
from tests.clean_books import clean_after_test
from tests.races import together

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]

SENDERS, EVENTS, BATCH = 8, 1_000, 50
REPEATED = 0.4
CUSTOMERS = ["acme", "globex", "initech"]


def test_overlapping_batches_of_eight_senders_add_up_to_the_distinct_events():
    seed = 20_260_310
    chance = random.Random(seed)
    version = make_metered_subscription(CUSTOMERS[0]).version
    for ref in CUSTOMERS[1:]:
        subscribe(make_customer(ref), version)
    events = [
        request(
            f"r{number}",
            chance.randrange(1, 2_000),
            f"{Decimal(chance.randrange(1, 10**9)).scaleb(-6):f}",
            customer=chance.choice(CUSTOMERS),
            model=chance.choice(["gpt", "claude"]),
        )
        for number in range(EVENTS)
    ]
    sent = events + chance.sample(events, int(EVENTS * REPEATED / (1 - REPEATED)))
    chance.shuffle(sent)
    batches = [sent[start : start + BATCH] for start in range(0, len(sent), BATCH)]

    def deliver(sender):
        return [outcome for batch in batches[sender::SENDERS] for outcome in send(*batch)]

    outcomes = Counter(
        outcome
        for sender_outcomes in together(*[lambda n=n: deliver(n) for n in range(SENDERS)])
        for outcome in sender_outcomes
    )

    assert outcomes == {"accepted": EVENTS, "duplicate": len(sent) - EVENTS}, f"seed {seed}"
    assert Event.objects.count() == EVENTS
    totals = by_rate(events)
    assert {key: quantity for key, (_, quantity) in counted_by_customer().items()} == totals, f"seed {seed}"
    assert sum(rollup.quantity for rollup in Rollup.objects.all()) == sum(totals.values())


def by_rate(events):
    """Sum the events independently: customer and rate → quantity."""
    totals = {}
    for event in events:
        sent = event["properties"]
        gpt = sent["model"] == "gpt"
        for name, label in (("prompt_tokens", "gpt"), ("completion_tokens", "gpt output")):
            key = (event["customer"], label if gpt else "all others")
            totals[key] = totals.get(key, Decimal(0)) + Decimal(sent[name])
    return totals


def counted_by_customer():
    return {
        (subscription.customer.external_id, key.split("/")[1]): total
        for subscription in Subscription.objects.select_related("customer")
        for key, total in counted(subscription).items()
    }
