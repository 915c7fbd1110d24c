"""Pages of rows render for every group that may see them. tests/access checks the permissions."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

# Reached from their version; the one row: their lists lead there.
NOT_LISTED = {"plans.planfeature", "plans.price", "plans.publishingrule", "billing.posting"}
BOOKS = {
    *("billing.accountingtarget", "billing.account", "billing.accountmapping", "billing.exportbatch"),
    *("invoices.bankstatement", "invoices.bankline"),
    *("billing.posting", "wallets.breakagerate", "billing.synctarget", "billing.syncrecord", "billing.droptarget"),
}
"""Revenue and payers, which support does not see."""
SELDOM = {"auth.user", "auth.group", "django_celery_beat.periodictask", *BOOKS}


def pages():
    return [(model._meta, page) for model, page in admin.site._registry.items()]


def address(meta, view, *args):
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{view}", args=args)


@pytest.mark.parametrize("group", ["support", "root"])
def test_lists_and_rows_render(member, company, group):
    company(1)
    client = member(group)
    for meta, _ in pages():
        if group == "support" and meta.label_lower in SELDOM:
            continue
        expected = 302 if meta.label_lower in NOT_LISTED else 200
        assert client.get(address(meta, "changelist")).status_code == expected, meta.label
        if row := meta.model._default_manager.order_by("pk").first():
            answer = client.get(address(meta, "change", row.pk))
            assert answer.status_code == 200, meta.label
            assert "(&#x27;" not in answer.content.decode(), f"{meta.label}: a label of a list stands on its page"
            assert client.get(address(meta, "history", row.pk)).status_code == 200, meta.label


def test_add_forms_render(member):
    client = member("root")
    request = client.get("/admin/").wsgi_request
    for meta, page in pages():
        if meta.label_lower not in NOT_LISTED and page.has_add_permission(request):
            assert client.get(address(meta, "add")).status_code == 200, meta.label


def test_support_may_view_every_billing_page_and_change_nothing(db):
    rights = Group.objects.get(name="support").permissions.values_list("codename", flat=True)
    # A portal link is mailed to the customer's contact or is read-only, so it gives support nothing to change.
    assert {right.partition("_")[0] for right in rights if right != "add_portallink"} == {"view"}
    viewable_models = {right.partition("_")[2] for right in rights}
    listed_models = {meta.model_name for meta, _ in pages() if meta.label_lower not in SELDOM}
    assert listed_models - viewable_models == set()
