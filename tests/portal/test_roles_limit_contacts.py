"""What contacts may do in the portal depends on their role, and an account keeps an admin."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse

from customers.models import Contact, PortalSession
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth import contact_changes, magic_links
from customers.portal_auth.link_email import mail_due
from tests.portal.accounts import TODAY
from tests.portal.test_customers_see_only_their_own_rows import PAGES, request_page
from tests.races import together

ADMINS = {
    *("portal_set_budget", "portal_remove_budget", "portal_set_cap", "portal_remove_cap"),
    *("portal_add_contact", "portal_change_contact", "portal_remove_contact"),
}
"""Forms that only admins may send."""


def with_role(account, role: str) -> Client:
    Contact.objects.filter(pk=account.colleague.pk).update(role=role)
    return account.client(contact=account.colleague)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "billing"])
def test_forms_are_refused_below_their_role(own, role):
    client = with_role(own, role)
    for name, (method, _) in PAGES.items():
        if method == "POST":
            is_refused = role == "viewer" or name in ADMINS
            assert (request_page(client, name, own).status_code == 403) == is_refused, name


@pytest.mark.django_db
def test_viewers_can_not_pay_or_change_the_plan(own):
    client = with_role(own, "viewer")
    change = reverse("portal_change_plan", args=[own.subscription.pk])

    assert client.post(reverse("portal_pay", args=[own.invoice.pk])).status_code == 403
    assert client.post(change, {}).status_code == 403
    assert b"Change plan" not in client.get("/portal/plan").content
    assert b"Set spend cap" not in client.get("/portal/limits").content
    assert b"Set spend cap" in own.client().get("/portal/limits").content
    assert with_role(own, "billing").post(change, {}).status_code == 403


@pytest.mark.django_db
def test_who_only_gets_emails_can_not_sign_in(own):
    client = own.client(contact=own.colleague)
    assert client.get("/portal/").status_code == 200
    _, secret = magic_links.create_link(
        customer=own.customer, contact=own.colleague, way=PortalAccessWay.PRODUCT, at=TODAY
    )

    with_role(own, "none")

    assert client.get("/portal/").status_code == 302, "an open session ends"
    assert Client().get(reverse("portal_enter", args=[secret])).status_code == 404
    Client().post("/portal/sign-in", {"email": own.colleague.email})
    assert mail_due(at=TODAY) == 0


@pytest.mark.django_db
def test_admins_invite_and_change_colleagues(own):
    client = own.client()
    form = {"email": "eve@walnut.example", "name": "Eve", "role": "billing", "billing": "on"}

    assert client.post("/portal/people/add", form)["Location"].endswith("?message=invited")
    assert mail_due(at=TODAY) == 1
    assert mail.outbox[0].to == ["eve@walnut.example"]

    eve = Contact.objects.get(email="eve@walnut.example")
    prefix = f"contact-{eve.pk}"
    changes = {f"{prefix}-role": "viewer", f"{prefix}-name": "Eve Adams", f"{prefix}-alerts": "on"}
    assert client.post(f"/portal/people/{eve.pk}", changes).status_code == 303
    eve.refresh_from_db()
    assert (eve.role, eve.name, eve.billing, eve.alerts) == ("viewer", "Eve Adams", False, True)
    context = eve.events.latest("pgh_id").pgh_context.metadata
    assert context["portal_contact"] == own.contact.pk


@pytest.mark.django_db
def test_the_history_says_which_contact_did_it(own, finance):
    form = {"legal_name": "Walnut GmbH", "country": "DE", "locale": "de_DE"}
    assert own.client().post("/portal/details", form).status_code == 303

    history = finance.get(f"/admin/customers/customer/{own.customer.pk}/history/").content.decode()

    assert "contact Bea &lt;bea@walnut.example&gt;" in history
    assert "in the portal: change billing details in the portal" in history


@pytest.mark.django_db
def test_nobody_changes_their_own_access(own):
    client, prefix = own.client(), f"contact-{own.contact.pk}"

    assert client.post(f"/portal/people/{own.contact.pk}", {f"{prefix}-role": "viewer"}).status_code == 422
    assert client.post(f"/portal/people/{own.contact.pk}/remove").status_code == 422
    own.contact.refresh_from_db()
    assert own.contact.role == "admin"


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_demote_each_other_leave_one(own):
    Contact.objects.filter(pk=own.colleague.pk).update(role="admin")

    def demote(contact_id: int) -> str:
        try:
            contact_changes.change_contact(contact=Contact.objects.get(pk=contact_id), role="viewer")
        except contact_changes.LastAdmin:
            return "refused"
        return "changed"

    outcomes = together(lambda: demote(own.contact.pk), lambda: demote(own.colleague.pk))

    assert sorted(outcomes) == ["changed", "refused"]
    assert Contact.objects.filter(role="admin").count() == 1


@pytest.mark.django_db
def test_a_live_refresh_does_not_prolong_a_session(own):
    client = own.client()
    with time_machine.travel(TODAY + timedelta(minutes=30), tick=False):
        assert client.get("/portal/", headers={"x-live-refresh": "1"}).status_code == 200
        assert PortalSession.objects.get().seen_at == TODAY
        client.get("/portal/")
        assert PortalSession.objects.get().seen_at == TODAY + timedelta(minutes=30)
