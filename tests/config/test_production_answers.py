"""A web process with the settings of production: each kind of response has the headers and cookies that it must."""

import os
import socket
import subprocess
import sys
import time
from http.cookies import SimpleCookie

import httpx
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from access.models import RateLimitBucket
from config.paths import PROJECT
from customers.models import Contact
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.magic_links import create_link
from tests.builders import make_customer

pytestmark = pytest.mark.slow

PASSWORD = "calm-and-quick-7"
YEAR = 365 * 24 * 3600


@pytest.fixture(scope="module")
def production(django_db_setup, tmp_path_factory):
    """Collect the static files; return the environment, which names the test's database."""
    environment = os.environ | {
        "TOLLBOOK_PRODUCTION": "1",
        "TOLLBOOK_SECRET_KEY": "k3y-" * 15 + "abcdefghij",
        "TOLLBOOK_HOSTS": "billing.example",
        "TOLLBOOK_ORIGINS": "https://billing.example",
        "TOLLBOOK_BEHIND_PROXY": "1",
        "TOLLBOOK_STATIC_ROOT": str(tmp_path_factory.mktemp("static")),
    }
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True)
    return environment


@pytest.fixture(scope="module")
def address(production, django_db_blocker):
    """Run a web process on the test's database, and delete its counts of requests; return its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, cwd=PROJECT, env=production) as process:
        try:
            _await(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
    with django_db_blocker.unblock():
        RateLimitBucket.objects.all().delete()


def _await(address):
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            if httpx.get(f"{address}/livez").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail("The web process did not start.")


@pytest.fixture
def visitor(address):
    """Return a client as the proxy with TLS would pass it on."""
    headers = {"Host": "billing.example", "X-Forwarded-Proto": "https", "Referer": "https://billing.example/"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        yield client


ANSWERS = [
    # method  path                                  status  why
    ("GET", "/admin/account/sign-in/", 200, "a page of staff"),
    ("GET", "/admin/", 302, "a redirect of the admin"),
    ("GET", "/portal/sign-in", 200, "a page of customers"),
    ("GET", "/portal/", 302, "a redirect of the portal"),
    ("GET", "/portal/enter/nonsense", 404, "a refusal of the portal"),
    ("GET", "/invoices/nonsense.pdf", 404, "a refused link to a file"),
    ("GET", "/nowhere", 404, "an address that does not exist"),
    ("POST", "/portal/sign-in", 403, "a form without its token"),
    ("GET", "/portal/sign-out", 405, "a wrong method"),
    ("GET", "/api/v1/plans", 401, "a refusal of the API"),
    ("GET", "/api/v1/nowhere", 404, "an address that the API does not have"),
    ("GET", "/api/v1/plans?cursor=%00", 400, "a refusal before any view"),
    ("GET", "/api/docs/", 200, "the documentation"),
    ("GET", "/api/schema/", 200, "the schema"),
    ("GET", "/problems/not-found", 200, "a page of problems"),
    ("GET", "/livez", 200, "a probe"),
    ("GET", "/static/staff/finance.css", 200, "a static file"),
    ("POST", "/pay/stripe/events", 400, "an event without a signature"),
]


def test_every_kind_of_response_has_the_headers(visitor):
    problems = []
    for method, path, status, why in ANSWERS:
        response = visitor.request(method, path)
        headers = response.headers
        policy = headers.get("Content-Security-Policy", "")
        checks = {
            f"status {response.status_code}": response.status_code == status,
            "HSTS": headers.get("Strict-Transport-Security") == f"max-age={YEAR}; includeSubDomains; preload",
            "nosniff": headers.get("X-Content-Type-Options") == "nosniff",
            "policy": {"object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy.split("; ")),
            "referrer": headers.get("Referrer-Policy") in ("same-origin", "no-referrer"),
            "opener": headers.get("Cross-Origin-Opener-Policy") == "same-origin",
            "cache": "no-store" in headers.get("Cache-Control", "") or path.startswith(("/static/", "/problems/")),
            "no CORS": "Access-Control-Allow-Origin" not in headers,
            "type": not response.content or "charset=utf-8" in headers["Content-Type"].lower()
            or headers["Content-Type"].startswith(("application/", "text/css")),
        }  # fmt: skip
        problems += [f"{why}: {name}" for name, is_met in checks.items() if not is_met]
    assert problems == []


def cookies_of(response):
    """Return the cookies that a response sets, by name."""
    jar = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        jar.load(header)
    return jar


def hidden_token(response):
    return response.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]


def post_form(client, path, form):
    """Fill in the form of a page; the client keeps no cookies over plain HTTP, so they are passed on by hand."""
    page = client.get(path)
    client.headers["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies_of(page).items())
    response = client.post(path, data=form | {"csrfmiddlewaretoken": hidden_token(page)})
    return {**cookies_of(page), **cookies_of(response)}, response


@pytest.mark.django_db(transaction=True)
def test_cookies_are_bound_to_the_host_and_to_https(visitor):
    User.objects.create_user("ann", password=PASSWORD, is_staff=True)
    contact = Contact.objects.create(customer=make_customer("acme"), email="bea@acme.example")
    _, secret = create_link(
        customer=contact.customer, contact=contact, way=PortalAccessWay.PRODUCT, at=timezone.now()
    )

    cookies, response = post_form(visitor, "/admin/account/sign-in/", {"login": "ann", "password": PASSWORD})
    assert response.status_code == 302
    portal_cookies, response = post_form(visitor, f"/portal/enter/{secret}", {"entrance": contact.pk})
    assert response.status_code == 303
    language_cookies, _ = post_form(visitor, "/portal/sign-in", {"email": "bea@acme.example"})
    page = visitor.get("/portal/sign-in")
    chosen = visitor.post("/portal/language", data={"language": "de", "csrfmiddlewaretoken": hidden_token(page)})

    cookies |= portal_cookies | language_cookies | cookies_of(chosen)
    assert set(cookies) == {
        "__Host-sessionid",
        "__Host-csrftoken",
        "__Host-portal",
        "__Host-portal_language",
    }
    for name, morsel in cookies.items():
        attributes = (morsel["secure"], morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"])
        assert attributes == (True, True, "Lax", "/", ""), name
        assert len(name + morsel.value) < 4096


def test_pages_are_redirected_to_https_and_calls_of_the_api_are_refused(visitor):
    plain = {"X-Forwarded-Proto": "http"}

    page = visitor.get("/portal/sign-in", headers=plain)
    assert (page.status_code, page.headers["Location"]) == (301, "https://billing.example/portal/sign-in")
    call = visitor.get("/api/v1/plans", headers=plain | {"Authorization": "Bearer tb_live_x"})
    assert (call.status_code, call.json()["detail"][:36]) == (400, "The API answers over HTTPS only. Use")
    assert visitor.get("/livez", headers=plain).status_code == 200


def test_other_hosts_are_refused(visitor):
    assert visitor.get("/portal/sign-in", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/portal/sign-in", "/admin/account/sign-in/", "/api/v1/plans", "/nowhere"])
def test_a_request_is_never_echoed(visitor, path):
    response = visitor.request("TRACE", path, headers={"X-Secret": "canary-5cd1"})

    assert response.status_code >= 400
    assert "canary-5cd1" not in response.text


@pytest.mark.parametrize("path", ["/static/", "/.git/config", "/static/../config/settings.py", "/manage.py", "/.env"])
def test_no_folder_is_listed_and_no_source_is_served(visitor, path):
    assert visitor.get(path).status_code == 404


BOTH_LENGTHS = (
    b"POST /api/v1/events HTTP/1.1\r\nHost: billing.example\r\nX-Forwarded-Proto: https\r\n"
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
)


def test_a_message_with_two_lengths_is_refused(address):
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(BOTH_LENGTHS)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"alive" not in answer
