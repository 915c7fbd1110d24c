"""The groups exist from the first migration, and writing them again removes no permission."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from config.admin_site import groups

DECISIVE = [
    # who               may                              why
    ("finance", "plans.publish_planversion", "finance changes prices without a deploy"),
    ("finance", "billing.close_period", "finance closes the month"),
    ("finance approver", "plans.publish_planversion", "the second pair of eyes publishes"),
    ("finance", "invoices.issue_creditnote", "finance corrects invoices"),
    ("finance", "invoices.record_payment", "finance sees the bank's statements"),
    ("operations", "billing.add_subscription", "operations moves customers"),
    ("operations", "customers.add_apikey", "operations hands out keys"),
    ("operations", "billing.correct_event", "operations puts usage right"),
    ("finance", "wallets.grant_credits", "finance gives credits"),
    ("finance", "wallets.refund_lot", "finance pays credits back"),
    ("finance approver", "invoices.lock_month", "the second pair of eyes ends the month"),
    ("finance approver", "invoices.unlock_month", "the second pair of eyes opens it again"),
    ("support", "customers.add_portallink", "support helps customers to come in"),
    ("engineer", "plans.add_meter", "engineers define meters"),
]
FORBIDDEN = [
    ("finance", "customers.add_apikey", "keys are no matter of money"),
    ("finance approver", "plans.change_price", "who approves does not write"),
    ("operations", "plans.change_price", "operations does not price"),
    ("engineer", "plans.publish_planversion", "engineers do not publish prices"),
    ("operations", "invoices.issue_creditnote", "operations gives no money back"),
    ("operations", "invoices.record_payment", "operations takes no money in"),
    ("operations", "wallets.grant_credits", "operations gives no money away"),
    ("finance", "invoices.lock_month", "who writes invoices does not end the month"),
    ("finance", "invoices.unlock_month", "nor opens it again"),
    ("support", "wallets.void_lot", "support only looks"),
    ("support", "billing.close_period", "support only looks"),
    ("support", "billing.correct_event", "support only looks"),
]


def codes(name):
    group = Group.objects.get(name=name)
    return {f"{app}.{code}" for app, code in group.permissions.values_list("content_type__app_label", "codename")}


@pytest.mark.parametrize(("group", "right", "why"), DECISIVE)
def test_group_has_the_permission(db, group, right, why):
    assert right in codes(group), why


@pytest.mark.parametrize(("group", "right", "why"), FORBIDDEN)
def test_group_lacks_the_permission(db, group, right, why):
    assert right not in codes(group), why


def test_writing_groups_again_keeps_permissions_added_by_hand(db):
    support = Group.objects.get(name="support")
    extra = Permission.objects.get(codename="close_period")
    support.permissions.add(extra)
    before = codes("finance")
    groups.write(apps)
    assert "billing.close_period" in codes("support")
    assert codes("finance") == before


def test_every_named_permission_exists(db):
    exist = set(Permission.objects.values_list("content_type__app_label", "codename"))
    named = {right for rights in groups.GROUPS.values() for right in groups.permission_pairs(rights)}
    assert named - exist == set()
