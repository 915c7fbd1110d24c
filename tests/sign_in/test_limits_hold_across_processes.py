"""Four web processes together admit as many requests as one limit allows, and at most a lease of each more."""

import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.contrib.auth.models import User

from customers.api_keys.keys import issue
from tests.api.calls import NOW

PROCESSES = 4
PASSWORD = "calm-and-quick-7"

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def site():
    """Run four web processes on the test's database; return their address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "TOLLBOOK_BEHIND_PROXY": "1",
        "TOLLBOOK_API_RATE": "40/3600s",
        "TOLLBOOK_ANONYMOUS_RATE": "40/3600s",
        "TOLLBOOK_SIGN_IN_RATE": "1000/60s",
        "TOLLBOOK_PORTAL_LINK_RATE": "20/3600s",
    }
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    with subprocess.Popen([*command, "--workers", str(PROCESSES)], env=environment) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            await_all(address)
            yield address
        finally:
            process.terminate()


def await_all(address):
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            if httpx.get(f"{address}/livez").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail("The web processes did not start.")


def statuses(count, send):
    """Send requests at once, each on a connection of its own, so that they reach all processes."""
    with ThreadPoolExecutor(16) as pool:
        return Counter(pool.map(send, range(count)))


def is_within(admitted: int, limit: int) -> bool:
    """
    Return whether at most the limit and one lease per process were admitted, and at least the limit without the rest
    of the leases of processes whose turn did not come.
    """
    lease = limit // 10
    return limit - PROCESSES * (lease - 1) <= admitted <= limit + PROCESSES * lease


def test_a_key_has_its_quota(site):
    _, secret = issue(name="Backend", scopes=["read"], sandbox=False, by=None, at=NOW)
    headers = {"Authorization": f"Bearer {secret}"}

    answers = statuses(160, lambda _: httpx.get(f"{site}/api/v1/plans", headers=headers, timeout=60).status_code)

    assert is_within(answers[200], 40)
    assert answers[200] + answers[429] == 160


def test_an_address_without_a_key_has_its_quota(site):
    answers = statuses(160, lambda _: httpx.get(f"{site}/api/v1/plans", timeout=60).status_code)

    assert is_within(answers[401], 40)
    assert answers[401] + answers[429] == 160


def sign_in(site, password, address):
    with httpx.Client(base_url=site, timeout=60, headers={"X-Forwarded-For": address}) as client:
        page = client.get("/admin/account/sign-in/").text
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)[1]
        form = {"login": "ann", "password": password, "csrfmiddlewaretoken": token}
        return client.post("/admin/account/sign-in/", data=form).status_code


def test_five_guesses_at_once_are_compared_and_a_colleague_gets_in(site):
    User.objects.create_user("ann", password=PASSWORD, is_staff=True)

    answers = statuses(40, lambda _: sign_in(site, "wrong", "203.0.113.9"))

    assert answers == {200: 5, 429: 35}
    assert sign_in(site, PASSWORD, "203.0.113.9") == 429
    assert sign_in(site, PASSWORD, "198.51.100.7") == 302


def request_link(site, number):
    with httpx.Client(base_url=site, timeout=60, headers={"X-Forwarded-For": "203.0.113.9"}) as client:
        page = client.get("/portal/sign-in").text
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)[1]
        form = {"email": f"bea{number}@a.example", "csrfmiddlewaretoken": token}
        return client.post("/portal/sign-in", data=form).status_code


def test_portal_links_have_their_limit(site):
    answers = statuses(60, lambda number: request_link(site, number))

    assert is_within(answers[303], 20)
    assert answers[303] + answers[429] == 60
