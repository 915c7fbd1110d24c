"""Each group finds the pages of its work, and only those; none of them fails to render."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

GROUPS = ["finance", "finance approver", "operations", "support", "engineer"]
NOT_LISTED = {"plans.price", "plans.publishingrule"}  # reached from its version; the one row: lists lead there
SELDOM = {"auth.user", "auth.group", "django_celery_beat.periodictask"}


def pages():
    return [(model._meta, page) for model, page in admin.site._registry.items()]


def address(meta, what, *args):
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{what}", args=args)


@pytest.mark.parametrize("group", [*GROUPS, "root"])
def test_lists_and_rows_open_for_whoever_may_see_them(member, company, group):
    company(1)
    client = member(group)
    user = client.get("/admin/").context["user"]
    for meta, _ in pages():
        may = user.has_perm(f"{meta.app_label}.view_{meta.model_name}")
        row = meta.model._default_manager.order_by("pk").first()
        expected = (302 if meta.label_lower in NOT_LISTED else 200) if may else 403
        if meta.label_lower not in NOT_LISTED or may:
            assert client.get(address(meta, "changelist")).status_code == expected, meta.label
        if row is not None:
            answer = client.get(address(meta, "change", row.pk))
            assert answer.status_code == (200 if may else 403), meta.label
            assert "(&#x27;" not in answer.content.decode(), f"{meta.label}: a label of a list stands on its page"
            assert client.get(address(meta, "history", row.pk)).status_code == (200 if may else 403), meta.label


@pytest.mark.parametrize("group", GROUPS)
def test_forms_to_add_open_for_whoever_may_add(member, group):
    client = member(group)
    answer = client.get("/admin/")
    user = answer.context["user"]
    for meta, page in pages():
        if meta.label_lower in NOT_LISTED:
            continue
        may = user.has_perm(f"{meta.app_label}.add_{meta.model_name}")
        offered = page.has_add_permission(answer.wsgi_request)
        assert client.get(address(meta, "add")).status_code == (200 if may and offered else 403), meta.label


def test_support_sees_everything_of_the_work_and_changes_nothing(db):
    rights = Group.objects.get(name="support").permissions.values_list("codename", flat=True)
    # A link into the portal goes to a mailbox of the customer's, or looks only: it gives support nothing to change.
    assert {right.partition("_")[0] for right in rights if right != "add_portallink"} == {"view"}
    seen = {right.partition("_")[2] for right in rights}
    shown = {meta.model_name for meta, _ in pages() if meta.label_lower not in SELDOM}
    assert shown - seen == set()


def test_a_stranger_is_sent_to_sign_in(client, db):
    answer = client.get("/admin/customers/customer/")
    assert answer.status_code == 302
    assert answer.url.startswith("/admin/login/")
