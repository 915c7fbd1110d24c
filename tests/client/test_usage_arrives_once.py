"""Over a flaky connection, and from forked processes, each event reaches a real server exactly once."""

import subprocess
import sys
import threading
from decimal import Decimal

import pytest
from tollbook_client import OutboxLimits, Retries, Tollbook

from billing.metering.usage.current_usage import current_usage
from billing.models import Subscription
from config.paths import PROJECT
from tests.api.calls import Caller
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe
from tests.client.flaky_connection import answers_with, hangs_up, line_to, loses_the_answer, passes

pytestmark = pytest.mark.slow

FORKING = """
import multiprocessing, os, sys
from tollbook_client import OutboxLimits, Tollbook

client = Tollbook(sys.argv[1], sys.argv[2], outbox=OutboxLimits(interval=60, batch_size=500))
def record(who, count):
    for number in range(count):
        client.events.record("acme", "api.calls", id=f"{who}-{number}")

record("parent", 20)
client.events.flush(60)
record("parent-later", 20)                       # these wait while the process forks
if os.fork() == 0:
    record("child", 30)
    sys.exit(0)
other = multiprocessing.get_context("fork").Process(target=record, args=("process", 40))
other.start()
other.join()
os.wait()
"""


@pytest.fixture
def shop(transactional_db):
    calls = offer("api.calls", rates=[rate("0.05")], currency="EUR")
    customer = make_customer("acme", currency="EUR")
    subscribe(customer, publish(make_plan("pro", offers=[calls])))
    assert Subscription.objects.count() == 1
    return Caller()


def used():
    [period] = current_usage(customer="acme", sandbox=False, at=now())
    return period.features[0].used


def now():
    # Imported here: it reads the database's clock, which exists only once Django is set up.
    from lib.task_clock import database_time

    return database_time()


def test_a_flaky_connection_loses_and_duplicates_no_event(shop, live_server):
    trouble = [
        passes,
        loses_the_answer,
        hangs_up,
        answers_with(429, Retry_After="0"),
        answers_with(503),
        loses_the_answer,
    ]
    quick = Retries(first_wait=0.01, max_wait=0.1)
    with line_to(live_server.url) as line:
        line.behaviors = [*trouble * 3, passes]
        client = Tollbook(
            shop.secret, line.url, retries=quick, outbox=OutboxLimits(batch_size=20, interval=0.01, max_events=100)
        )

        def record(producer):
            for number in range(100):
                client.events.record("acme", "api.calls", id=f"{producer}-{number}")

        threads = [threading.Thread(target=record, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        line.cut()  # the server is gone while they record
        threading.Timer(0.5, line.open).start()
        for thread in threads:
            thread.join()
        client.close(timeout=60)

    assert {"loses_the_answer", "hangs_up", "answers"} <= set(line.treated)
    assert used() == Decimal(400)


def test_forked_processes_send_their_own_events_once(shop, live_server):
    ran = subprocess.run(
        [sys.executable, "-c", FORKING, shop.secret, live_server.url],
        env={"PYTHONPATH": str(PROJECT / "clients" / "python" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert used() == Decimal(20 + 20 + 30 + 40), ran.stderr
