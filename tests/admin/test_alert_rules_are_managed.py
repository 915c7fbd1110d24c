"""Alert rules are added, switched off and removed on their pages; alerts are listed, filtered and acknowledged."""

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.limits.alerts.evaluation import evaluate_alerts
from billing.limits.alerts.rule_settings import AlertScope, set_alert_rule
from billing.models import Alert, AlertRule
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, subscribe, use

pytestmark = pytest.mark.django_db

LIST = "/admin/billing/alertrule/"
ALERTS = "/admin/billing/alert/"


@pytest.fixture
def acme():
    feature = make_feature("mails", meter=make_meter("mails", unit="mail"))
    plan = publish(make_plan("pro", offers=[offer(feature, included=10, consumption="hard_cap")]))
    return subscribe(make_customer("acme"), plan, starts_at=timezone.now())


@pytest.fixture
def warned(acme):
    use(acme, "mails", 8)
    evaluate_alerts(at=timezone.now())
    return acme


def typed(**fields):
    empty = dict.fromkeys(("seller", "customer", "subscription", "feature", "dimension", "dimension_value"), "")
    return {**empty, "kind": "spend", "levels": "", "amount": "", "is_on": "on", **fields}


def test_a_rule_is_added_for_a_customer_changed_and_removed(member, acme):
    client = member("finance")
    saved_page = client.post(
        f"{LIST}add/", typed(customer=acme.customer_id, amount="500", levels="80, 100"), follow=True
    )
    rule = AlertRule.objects.get(kind="spend")
    assert (rule.customer, rule.levels, rule.currency) == (acme.customer, [80, 100], "USD")
    assert "$500.00" in saved_page.content.decode()
    page = reverse("admin:billing_alertrule_change", args=[rule.pk])
    client.post(page, {"levels": "90", "amount": "600"}, follow=True)
    rule.refresh_from_db()
    assert (rule.levels, rule.amount, rule.is_on) == ([90], 600, False)
    client.post(f"{LIST}{rule.pk}/remove/", follow=True)
    rule.refresh_from_db()
    assert rule.removed_at
    assert "$600.00" not in client.get(LIST).content.decode()


def test_a_default_is_switched_off_for_one_customer(member, acme):
    member("finance").post(f"{LIST}add/", typed(kind="allowance", customer=acme.customer_id, is_on=""))
    assert not AlertRule.objects.get(customer=acme.customer).is_on
    use(acme, "mails", 8)
    assert evaluate_alerts(at=timezone.now()).fired == 0


def test_an_error_is_shown_at_its_field(member, acme):
    client = member("operations")
    assert "needs a customer or a subscription" in client.post(f"{LIST}add/", typed(amount="5")).content.decode()
    page_text = client.post(f"{LIST}add/", typed(customer=acme.customer_id)).content.decode()
    assert "can be invoiced in USD" in page_text
    assert not AlertRule.objects.filter(kind="spend").exists()


def test_default_rules_are_described_in_words(member):
    page_text = member("support").get(LIST).content.decode()
    for words in ("Everyone", "50, 75, 90, 100%", "5 × the usual", "7 days before"):
        assert words in page_text


def test_alerts_are_shown_on_every_related_page_and_acknowledged_once(member, warned):
    client = member("operations")
    pages = [
        ALERTS,
        f"{ALERTS}?stands=open",
        f"/admin/billing/subscription/{warned.pk}/change/",
        f"/admin/customers/customer/{warned.customer_id}/change/",
    ]
    for page in pages:
        page_text = client.get(page).content.decode()
        assert "75%" in page_text, page
        assert "8 mails of 10 mails" in page_text, page
    assert "Open alerts" in client.get("/admin/").content.decode()
    arguments = {"action": "acknowledge_all", "_selected_action": list(Alert.objects.values_list("pk", flat=True))}
    assert "2 alerts marked as reviewed" in client.post(ALERTS, arguments, follow=True).content.decode()
    assert "Open alerts" not in client.get("/admin/").content.decode()
    assert "75%" not in client.get(f"{ALERTS}?stands=unseen").content.decode()
    assert "75%" not in client.get(f"{ALERTS}?stands=recovered").content.decode()
    assert client.get(f"{ALERTS}{Alert.objects.first().pk}/change/").status_code == 200


def test_support_can_not_add_rules_or_acknowledge_alerts(member, warned):
    assert member("support").post(f"{LIST}add/", typed()).status_code == 403
    rule = set_alert_rule(kind="cap", scope=AlertScope(customer=warned.customer), at=timezone.now())
    assert member("support").post(f"{LIST}{rule.pk}/remove/").status_code == 403
    arguments = {"action": "acknowledge_all", "_selected_action": [Alert.objects.first().pk]}
    member("support").post(ALERTS, arguments)
    assert not Alert.objects.filter(acknowledged_at__isnull=False).exists()
