"""A webhook endpoint is added, tested, rotated, disabled and removed in the admin; its secret is shown once."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from customers.models import Contact, Delivery, WebhookEndpoint
from customers.models.webhook_endpoints import DisabledReason
from customers.notifications import webhook_endpoints
from customers.notifications.fan_out import fan_out
from lib.encryption import decrypt
from tests.builders import make_customer
from tests.customers.notifications.announcements import NOW, announce_alert

SECRET = re.compile(r"whsec_[0-9A-Za-z+/]{43}=")
LIST = "/admin/customers/webhookendpoint/"
URL = "https://example.com/hook"


@pytest.fixture
def hook(db):
    return webhook_endpoints.create(url=URL, description="Our product", by=None)[0]


def page_of(endpoint, view="change"):
    return f"{LIST}{endpoint.pk}/{view}/"


def shown(answer):
    assert answer.status_code == 200
    return SECRET.search(answer.content.decode()).group()


def test_a_secret_is_shown_once(member):
    client = member("operations")
    secret = shown(client.post(f"{LIST}add/", {"url": URL, "kinds": ["alert.fired"]}))
    endpoint = WebhookEndpoint.objects.get()
    assert decrypt(endpoint.secret) == secret
    assert (endpoint.kinds, endpoint.created_by.first_name) == (["alert.fired"], "Operations")
    for address in (LIST, page_of(endpoint), page_of(endpoint, "history")):
        page = client.get(address).content.decode()
        assert not SECRET.search(page)
        assert endpoint.secret not in page


@pytest.mark.parametrize("url", ["http://example.com/", "https://127.1/", "https://a:b@example.com/", "nonsense"])
def test_an_invalid_url_is_rejected_with_the_reason(member, hook, url):
    client = member("engineer")
    for address in (f"{LIST}add/", page_of(hook)):
        answer = client.post(address, {"url": url, "description": ""})
        assert answer.status_code == 200
        assert "address" in answer.content.decode() or "https" in answer.content.decode()
    assert list(WebhookEndpoint.objects.values_list("url", flat=True)) == [URL]


def test_is_changed(member, hook):
    member("engineer").post(page_of(hook), {"url": f"{URL}/2", "description": "Ours", "kinds": ["topup.paid"]})
    hook.refresh_from_db()
    assert (hook.url, hook.description, hook.kinds) == (f"{URL}/2", "Ours", ["topup.paid"])


def test_is_rotated(member, hook):
    secret = shown(member("engineer").post(page_of(hook, "rotate"), {"hours": "2"}))
    old = hook.secret
    hook.refresh_from_db()
    assert (decrypt(hook.secret), hook.previous_secret) == (secret, old)


def test_is_tested_disabled_enabled_and_removed(member, hook):
    client = member("operations")
    assert client.post(page_of(hook, "send_test")).status_code == 302
    assert Delivery.objects.get().notification.kind == "webhook.test"
    client.post(page_of(hook, "switch"))
    hook.refresh_from_db()
    assert hook.disabled_reason == DisabledReason.BY_HAND
    assert "disabled" in client.post(page_of(hook, "send_test")).content.decode()
    client.post(page_of(hook, "switch"))
    hook.refresh_from_db()
    assert hook.disabled_reason == ""
    client.post(page_of(hook, "remove"))
    hook.refresh_from_db()
    assert (hook.disabled_reason, hook.secret) == (DisabledReason.REMOVED, "")
    assert not client.get(LIST).context["cl"].queryset.exists()


def test_missed_messages_are_resent(member, hook):
    at = timezone.now()
    announce_alert(make_customer(), at=at)
    fan_out(at=at)
    Delivery.objects.update(state="given_up", next_at=None)
    since = at - timedelta(days=1)
    arguments = {"since_0": f"{since:%Y-%m-%d}", "since_1": f"{since:%H:%M:%S}"}
    client = member("operations")
    assert client.post(page_of(hook, "missed"), arguments).status_code == 302
    assert Delivery.objects.get().state == "pending"
    assert (
        "last 90 days" in client.post(page_of(hook, "missed"), arguments | {"since_0": "2020-01-01"}).content.decode()
    )


def test_chosen_deliveries_are_resent_after_confirmation(member, hook):
    announce_alert(make_customer(), at=NOW)
    fan_out(at=NOW)
    Delivery.objects.update(state="delivered", next_at=None, status=200)
    client, delivery = member("engineer"), Delivery.objects.get()
    chosen = {"action": "send_again", "_selected_action": [delivery.pk]}
    response = client.post("/admin/customers/delivery/", chosen)
    assert "1 message was delivered before" in response.content.decode()
    assert Delivery.objects.get().state == "delivered"
    client.post("/admin/customers/delivery/", chosen | {"_agreed": "1"})
    assert Delivery.objects.get().state == "pending"


@pytest.mark.parametrize("group", ["finance", "support"])
def test_other_groups_are_read_only(member, hook, group):
    client = member(group)
    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}add/").status_code == 403
    for action in ("send_test", "missed", "rotate", "switch", "remove"):
        assert client.post(page_of(hook, action)).status_code == 403


def test_failed_deliveries_are_on_the_dashboard(member, hook):
    client = member("operations")
    assert "Failed webhooks and emails" not in client.get("/admin/").content.decode()
    announce_alert(make_customer(), at=NOW)
    fan_out(at=NOW)
    Delivery.objects.update(state="failed")
    assert "Failed webhooks and emails" in client.get("/admin/").content.decode()


def test_contacts_are_edited_on_the_customers_page(member):
    customer = make_customer()
    page = f"/admin/customers/customer/{customer.pk}/change/"
    client = member("finance")
    form = client.get(page, {"tab": "settings"}).context["adminform"].form
    names = {name: form.initial.get(name, "") or "" for name in form.fields}
    rows = {"contacts-TOTAL_FORMS": "1", "contacts-INITIAL_FORMS": "0", "contacts-0-email": "bea@acme.example"}
    rows["contacts-0-role"] = "viewer"
    answer = client.post(page, names | {"seller": customer.seller_id} | rows | {"contacts-0-billing": "on"})
    assert answer.status_code == 302, answer.context and answer.context["errors"]
    contact = Contact.objects.get()
    assert (contact.customer, contact.email, contact.billing, contact.alerts) == (
        customer,
        "bea@acme.example",
        True,
        False,
    )
