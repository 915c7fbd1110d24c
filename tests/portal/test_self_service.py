"""Self-service: a customer's settings, purchases and edits take effect within the limits that finance set."""

from decimal import Decimal

import pytest

from billing.limits.spend_caps import set_cap
from billing.models import AlertRule, ScheduledChange, SpendCap
from customers.models import Contact, Customer
from plans.models import Plan
from tests.builders import fee, make_plan, publish
from tests.portal.accounts import TODAY
from wallets.auto_topup import CeilingLimits, TopUpRuleRequest, set_rule
from wallets.models import Purchase, TopUpRule

pytestmark = pytest.mark.django_db


def hidden(answer, name: str) -> str:
    return answer.content.decode().partition(f'name="{name}" value="')[2].partition('"')[0]


def test_a_pack_is_bought_once_as_previewed(own):
    client, address = own.client(), f"/portal/wallets/{own.wallet.pk}/top-up"
    reference = hidden(client.get(address), "reference")
    arguments = {"pack": own.pack, "packs": "2", "reference": reference}
    before = Purchase.objects.count()

    preview = client.post(address, arguments)
    assert "$198.00" in preview.content.decode()
    assert Purchase.objects.count() == before
    seen_token = hidden(preview, "seen")
    for _ in range(2):
        assert client.post(address, {**arguments, "seen": seen_token}).status_code == 303

    bought = Purchase.objects.latest("pk")
    assert Purchase.objects.count() == before + 1
    assert (bought.quantity, bought.net, bought.state) == (2, Decimal(198), "pending")
    assert client.post(address, {**arguments, "packs": "3", "seen": seen_token}).status_code in (200, 422), (
        "another order is shown"
    )
    assert Purchase.objects.count() == before + 1


def test_a_pack_that_is_not_on_sale_can_not_be_bought(own):
    answer = own.client().post(f"/portal/wallets/{own.wallet.pk}/top-up", {"pack": "other", "packs": "1"})

    assert answer.status_code == 422


def test_an_automatic_top_up_obeys_finances_ceilings(own):
    client, address = own.client(), f"/portal/wallets/{own.wallet.pk}/auto-top-up"
    ceiling = CeilingLimits("finance", "month", most=5)
    rule_request = TopUpRuleRequest(own.pack, threshold=Decimal(10), ceilings=[ceiling], most_declines=7)
    set_rule(wallet_id=own.wallet.pk, request=rule_request, at=TODAY)
    form = {"is_on": "on", "pack": own.pack, "threshold": "20"}

    assert client.post(address, {**form, "most": "6"}).status_code == 422
    assert client.post(address, {**form, "most": "4"}).status_code == 303

    rule = TopUpRule.objects.get()
    assert (rule.threshold, rule.most_declines) == (20, 7)
    assert sorted(rule.ceilings.values_list("set_by", "most")) == [("customer", 4), ("finance", 5)]
    client.post(f"{address}/remove")
    rule.refresh_from_db()
    assert not rule.is_on, "removing it would take finance's ceilings away"


def test_a_customers_cap_is_below_finances_cap(own):
    client = own.client()
    set_cap(customer=own.customer, amount=Decimal(900), at=TODAY)
    form = {"cap-amount": "1000", "cap-action": "stop"}

    refused = client.post("/portal/limits/caps", form)
    assert refused.status_code == 422
    assert "Your cap can’t exceed 900" in refused.content.decode()
    assert client.post("/portal/limits/caps", {**form, "cap-amount": "850"}).status_code == 303
    assert SpendCap.objects.get(set_by="customer").amount == 850
    finances = SpendCap.objects.get(set_by="finance")
    client.post(f"/portal/limits/caps/{finances.pk}/remove")
    assert SpendCap.objects.filter(pk=finances.pk).exists()


def test_a_budget_covers_one_value_of_a_dimension(own):
    form = {
        "budget-kind": "spend",
        "budget-amount": "12.50",
        "budget-levels": "80, 100",
        "budget-dimension": "model",
        "budget-value": "m1",
    }
    assert own.client().post("/portal/limits/budgets", form).status_code == 303

    rule = AlertRule.objects.latest("pk")
    fields = (rule.set_by, rule.amount, rule.levels, rule.dimension, rule.dimension_value, rule.customer)
    assert fields == ("customer", Decimal("12.5"), [80, 100], "model", "m1", own.customer)


def test_the_plan_changes_as_previewed(own):
    client, address = own.client(), f"/portal/plan/{own.subscription.pk}/change"
    bigger = Plan.objects.get(code="bigger-w").versions.get()
    arguments = {"version": bigger.pk, "when": "period"}

    preview = client.post(address, arguments)
    assert "Change to Bigger-W" in preview.content.decode()
    assert not ScheduledChange.objects.exists()
    assert client.post(address, {**arguments, "seen": hidden(preview, "seen")}).status_code == 303
    assert ScheduledChange.objects.get().version == bigger
    assert "changes to Bigger-W" in client.get("/portal/plan").content.decode()


def test_the_billing_period_may_restart_with_the_change(own):
    client, address = own.client(), f"/portal/plan/{own.subscription.pk}/change"
    assert b"Start a new billing period" not in client.get(address).content, "the periods follow the calendar"
    version = publish(make_plan("flexible", fees=[fee("49")], anchor="anniversary"))
    Plan.objects.update(self_service=True)
    arguments = {"version": version.pk, "when": "now", "billing_period": "restart"}
    preview = client.post(address, arguments)
    assert "49.00" in preview.content.decode(), "a whole fee"
    assert client.post(address, {**arguments, "seen": hidden(preview, "seen")}).status_code == 303
    assert own.subscription.periods.get(anchor_at__isnull=False).version == version


def test_a_plan_without_self_service_can_not_be_changed_in_the_portal(own):
    client, address = own.client(), f"/portal/plan/{own.subscription.pk}/change"
    Plan.objects.filter(code="bigger-w").update(self_service=False)
    assert b"No other plan" in client.get(address).content
    Plan.objects.update(self_service=False)
    assert client.get(address).status_code == 404
    assert b"Change plan" not in client.get("/portal/plan").content


def test_new_details_apply_to_later_invoices(own):
    client = own.client()
    form = {"legal_name": "Walnut GmbH", "country": "DE", "locale": "de_DE", "tax_number": "DE123456789"}
    assert client.post("/portal/details", form).status_code == 303

    saved = Customer.objects.get(pk=own.customer.pk)
    assert (saved.legal_name, saved.country, saved.tax_number) == ("Walnut GmbH", "DE", "DE123456789")
    own.invoice.refresh_from_db()
    assert own.invoice.buyer_facts["legal_name"] == "Walnut Ltd"
    metadata = saved.events.latest("pgh_id").pgh_context.metadata
    assert metadata["portal_contact"] == own.contact.pk


def test_colleagues_are_added_and_removed_but_never_the_contact_itself(own):
    client = own.client()
    duplicate = client.post("/portal/people/add", {"email": own.colleague.email.upper(), "role": "viewer"})
    assert duplicate.status_code == 422
    assert client.post("/portal/people/add", {"email": "eve@walnut.example", "role": "viewer"}).status_code == 303
    colleague = own.client(contact=own.colleague)
    assert colleague.get("/portal/").status_code == 200

    client.post(f"/portal/people/{own.colleague.pk}/remove")
    client.post(f"/portal/people/{own.contact.pk}/remove")

    assert sorted(Contact.objects.values_list("email", flat=True)) == ["bea@walnut.example", "eve@walnut.example"]
    assert colleague.get("/portal/").status_code == 302, "whoever is removed is signed out"
