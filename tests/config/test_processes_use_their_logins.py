"""Web works with the login of staff, worker and beat with that of the application, and none with the owner's."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import psycopg
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone

from config.paths import PROJECT
from config.postgres import OWNER, WORKER
from customers.api_keys.keys import issue
from lib import sql
from tests.builders import make_customer
from tests.config.test_processes import SERVE
from tests.logins import login_url, role_names

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PASSWORD = "calm-and-quick-7"
QUEUE_TASK = "from access.tasks import purge_old_rows; purge_old_rows.delay()"


@contextmanager
def serving(web_login: str) -> Iterator[str]:
    """Serve with real logins, and yield the address once web responds."""
    names = role_names()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"DATABASE_URL": login_url(web_login), WORKER: login_url(names.application)}
    command = [sys.executable, "-c", SERVE, str(port)]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert process.stdout.readline().strip() == "ready"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def until(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + 60
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def logins_at_work() -> set[str]:
    statement = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    with psycopg.connect(os.environ[OWNER]) as owner:
        ours = sql.fetch_column("SELECT pg_backend_pid()")[0]
        rows = owner.execute(f"{statement} AND pid <> pg_backend_pid()", [ours]).fetchall()
    return {login for (login,) in rows}


def post_event(site: str, secret: str) -> int:
    event = {"id": "e1", "customer": "acme", "event": "api.call", "properties": {"model": "large"}}
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.post(f"{site}/api/v1/events", json=event, headers=headers, timeout=60).status_code


def sign_in(site: str) -> int:
    with httpx.Client(base_url=site, timeout=60, follow_redirects=True) as client:
        page = client.get("/admin/account/sign-in/").text
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)[1]  # type: ignore[index]
        form = {"login": "ann", "password": PASSWORD, "csrfmiddlewaretoken": token}
        return client.post("/admin/account/sign-in/", data=form).status_code


def test_a_deployment_works_with_two_logins():
    names = role_names()
    make_customer("acme")
    _, secret = issue(name="Backend", scopes=["ingest"], sandbox=False, by=None, at=timezone.now())
    User.objects.create_superuser("ann", password=PASSWORD)
    Session.objects.create(session_key="ended", expire_date=timezone.now() - timedelta(seconds=1))

    with serving(names.staff) as site:
        assert post_event(site, secret) == 200
        assert sign_in(site) == 200
        subprocess.run(
            [sys.executable, "manage.py", "shell", "--command", QUEUE_TASK],
            cwd=PROJECT,
            env=os.environ | {"DATABASE_URL": login_url(names.staff)},
            check=True,
        )
        assert until(lambda: not Session.objects.filter(session_key="ended").exists()), "a worker deletes it"
        assert logins_at_work() == {names.application, names.staff}

    assert sql.fetch_column("SELECT customer_ref FROM billing_event") == ["acme"]


def test_a_process_with_the_applications_login_serves_the_api_and_signs_nobody_in():
    names = role_names()
    make_customer("acme")
    _, secret = issue(name="Backend", scopes=["ingest"], sandbox=False, by=None, at=timezone.now())
    User.objects.create_superuser("ann", password=PASSWORD)

    with serving(names.application) as site:
        assert post_event(site, secret) == 200
        assert httpx.get(f"{site}/admin/account/sign-in/", timeout=60).status_code == 500
        assert logins_at_work() == {names.application}
