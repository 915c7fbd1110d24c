"""Webhook endpoints and contacts over HTTP: created, read, changed, tested, rotated, resent, removed."""

import pytest
from standardwebhooks import Webhook

from customers.models import Contact, Delivery, IdempotentRequest, WebhookEndpoint
from customers.tasks import dispatch_notifications
from lib.task_clock import database_time
from tests.api.calls import faults, problem
from tests.builders import make_customer
from tests.customers.notifications import announcements
from tests.customers.notifications.receivers import answers_in_order, receiver, status

HERE = "/webhooks"
URL = "https://example.com/hook"


@pytest.fixture(autouse=True)
def allow_localhost(settings) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]


@pytest.fixture
def hook(live):
    return live.post(HERE, {"url": URL, "description": "Our product"}).json()


def test_a_secret_is_shown_once(live):
    response = live.post(HERE, {"url": URL, "kinds": ["alert.fired"]}, Idempotency_Key="k")
    repeated = live.post(HERE, {"url": URL, "kinds": ["alert.fired"]}, Idempotency_Key="k")

    assert (response.status_code, repeated.status_code) == (201, 201)
    secret = response.json()["secret"]
    assert secret.startswith("whsec_")
    assert repeated.json() == response.json() | {"secret": None}
    assert secret not in IdempotentRequest.objects.get().body
    endpoint = live.get(f"{HERE}/{response.json()['id']}").json()
    assert "secret" not in endpoint
    assert live.get(HERE).json()["data"] == [endpoint]
    assert (endpoint["kinds"], endpoint["enabled"], endpoint["sandbox"]) == (["alert.fired"], True, False)


FAULTS = [
    ({}, "url", "required"),
    ({"url": "http://example.com"}, "url", "refused"),
    ({"url": "https://10.0.0.1/"}, "url", "refused"),
    ({"url": "https://2130706433/"}, "url", "refused"),
    ({"url": "https://example.com:22/"}, "url", "refused"),
    ({"url": "nonsense"}, "url", "refused"),
    ({"url": f"https://example.com/{'x' * 500}"}, "url", "max_length"),
    ({"url": URL, "kinds": ["alert.fried"]}, "kinds.0", "invalid_choice"),
    ({"url": URL, "secret": "whsec_mine"}, "secret", "unknown"),
]


@pytest.mark.parametrize(("body", "field", "code"), FAULTS)
def test_an_invalid_endpoint_is_rejected(live, body, field, code):
    assert faults(live.post(HERE, body)) == {field: code}
    assert not WebhookEndpoint.objects.exists()


def test_is_changed_and_switched_off_and_on(live, hook):
    path = f"{HERE}/{hook['id']}"
    changed = live.patch(path, {"url": f"{URL}/2", "enabled": False}).json()
    assert (changed["url"], changed["enabled"], changed["disabled_reason"]) == (f"{URL}/2", False, "by_hand")
    assert live.patch(path, {"enabled": True}).json()["disabled_reason"] == ""
    assert faults(live.patch(path, {"url": "https://[::1]/"})) == {"url": "refused"}


def test_is_removed_for_good(live, hook):
    endpoint_path = f"{HERE}/{hook['id']}"
    assert live.send("DELETE", endpoint_path).status_code == 204
    for method, path in [
        ("GET", endpoint_path),
        ("PATCH", endpoint_path),
        ("POST", f"{endpoint_path}/test"),
        ("GET", f"{endpoint_path}/deliveries"),
    ]:
        problem(live.send(method, path, {}), 404, "not-found")
    assert live.get(HERE).json()["data"] == []


def test_is_not_found_with_a_sandbox_key(live, sandbox, hook):
    path_of_hook = f"{HERE}/{hook['id']}"
    tests = [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/deliveries")]
    tests += [("POST", f"/{action}") for action in ("rotate", "test", "replay", "deliveries/1/replay")]
    for method, path in tests:
        problem(sandbox.send(method, path_of_hook + path, {}), 404, "not-found")
    assert sandbox.get(HERE).json()["data"] == []
    assert sandbox.post(HERE, {"url": URL}).json()["sandbox"] is True


def test_both_secrets_sign_while_they_overlap(live):
    with receiver() as hook_server:
        endpoint = live.post(HERE, {"url": hook_server.url}).json()
        path = f"{HERE}/{endpoint['id']}"
        rotated = live.post(f"{path}/rotate", {"overlap": 60}).json()
        sent = live.post(f"{path}/test", {}).json()
        dispatch_notifications()

    assert rotated["secret"] != endpoint["secret"]
    assert rotated["previous_until"]
    for secret in (endpoint["secret"], rotated["secret"]):
        assert Webhook(secret).verify(hook_server.got[0].body, hook_server.got[0].headers)["type"] == "webhook.test"
    assert hook_server.got[0].headers["webhook-id"] == sent["message"]
    assert faults(live.post(f"{path}/rotate", {"overlap": 604_801})) == {"overlap": "max_value"}


def test_deliveries_are_listed_and_failed_ones_resent(live):
    with receiver(answers_in_order(status(500, "not now"), status(200))) as hook_server:
        endpoint = live.post(HERE, {"url": hook_server.url}).json()
        path = f"{HERE}/{endpoint['id']}"
        announcements.announce_alert(make_customer("acme"), at=database_time())
        dispatch_notifications()
        (failed,) = live.get(f"{path}/deliveries", state="failed").json()["data"]
        assert (failed["type"], failed["customer"], failed["attempts"]) == ("alert.fired", "acme", 1)
        assert (failed["status"], failed["answer"]) == (500, "not now")
        assert live.get(f"{path}/deliveries", type="topup.paid").json()["data"] == []

        repeated = live.post(f"{path}/deliveries/{failed['id']}/replay", {}).json()
        assert (repeated["state"], repeated["attempts"]) == ("pending", 0)
        dispatch_notifications()
        assert live.get(f"{path}/deliveries").json()["data"][0]["state"] == "delivered"
        assert live.post(f"{path}/replay", {"since": endpoint["created_at"]}).json() == {"messages": 0}
        assert live.post(f"{path}/replay", {"since": endpoint["created_at"], "delivered": True}).json() == {
            "messages": 1
        }

    assert faults(live.post(f"{path}/replay", {"since": "2020-01-01T00:00:00Z"})) == {"since": "refused"}
    live.patch(path, {"enabled": False})
    problem(live.post(f"{path}/replay", {"since": endpoint["created_at"]}), 409, "conflict")
    problem(live.post(f"{path}/test", {}), 409, "conflict")
    assert Delivery.objects.count() == 1


def test_lists_take_as_many_queries_for_many_rows_as_for_few(live, hook, django_assert_max_num_queries):
    customer = make_customer()
    for number in range(20):
        announcements.announce_alert(customer, key=f"alert:{number}")
    announcements.fan_out(at=announcements.NOW)
    with django_assert_max_num_queries(5):
        assert len(live.get(f"{HERE}/{hook['id']}/deliveries").json()["data"]) == 20


def test_contacts_are_created_changed_and_deleted(live, sandbox):
    make_customer("acme")
    path = "/customers/acme/contacts"
    response = live.post(path, {"email": "bea@acme.example", "name": "Bea", "alerts": False})
    assert response.status_code == 201
    contact = response.json()
    assert contact == {
        "id": contact["id"],
        "name": "Bea",
        "email": "bea@acme.example",
        "language": "",
        "role": "admin",
        "billing": True,
        "alerts": False,
    }
    assert live.post(path, {"email": "cid@acme.example", "billing": False}).json()["role"] == "viewer"
    assert live.post(path, {"email": "dan@acme.example", "role": "billing"}).json()["role"] == "billing"
    assert faults(live.post(path, {"email": "eve@acme.example", "role": "owner"})) == {"role": "invalid_choice"}
    Contact.objects.exclude(pk=contact["id"]).delete()
    assert live.patch(f"{path}/{contact['id']}", {"role": "none"}).json()["role"] == "none"
    assert faults(live.post(path, {"email": "BEA@acme.example"})) == {"email": "taken"}
    assert faults(live.post(path, {"email": "bea"})) == {"email": "invalid"}
    assert live.patch(f"{path}/{contact['id']}", {"alerts": True}).json()["alerts"] is True
    assert [entry["id"] for entry in live.get(path).json()["data"]] == [contact["id"]]
    problem(sandbox.get(path), 404, "not-found")
    problem(sandbox.get(f"{path}/{contact['id']}"), 404, "not-found")
    assert live.send("DELETE", f"{path}/{contact['id']}").status_code == 204
    assert live.get(path).json()["data"] == []
