"""Approval rules: a stricter rule applies at once, a looser one is approved wherever two people could."""

from decimal import Decimal

import pytest
from django.utils import timezone

from access.approvals import approve
from access.approvals.rule_change import RuleRefused
from access.models import ApprovalRequest, ApprovalRule
from access.models.approvals import ApprovalKind
from tests.approvals.conftest import ask, change

pytestmark = pytest.mark.django_db


@pytest.fixture
def peter(staff):
    return staff("peter", "finance approver")


def limits(kind: str = "refunds") -> dict[str, Decimal]:
    return dict(ApprovalRule.objects.get(kind=kind).limits.values_list("unit", "amount"))


def test_each_kind_has_a_rule_and_only_looser_rules_need_approval_at_first(db):
    rules = dict(ApprovalRule.objects.values_list("kind", "is_required"))
    assert rules == {kind: kind == "approval_rules" for kind in ApprovalKind.values}


def test_a_stricter_rule_applies_at_once(paula, peter):
    assert isinstance(ask(paula, change("refunds", user=paula, EUR=500, USD=600)), ApprovalRule)
    assert isinstance(ask(paula, change("refunds", user=paula, EUR=400)), ApprovalRule)
    assert limits() == {"EUR": 400}  # US dollars always need approval now


LOOSER = [
    # then                      now
    ({"EUR": 500}, {"EUR": 501}),
    ({"EUR": 500}, {"EUR": 500, "USD": 1}),
    ({}, {"EUR": 0}),
]


@pytest.mark.parametrize(("then", "now"), LOOSER)
def test_a_looser_limit_waits_for_a_second_person(paula, peter, then, now):
    ask(paula, change("refunds", user=paula, **then))
    request = ask(paula, change("refunds", user=paula, **now))
    assert isinstance(request, ApprovalRequest)
    assert limits() == then
    approve(request_id=request.pk, by=peter, at=timezone.now())
    assert limits() == now


def test_a_rule_is_not_switched_off_by_one_person(paula, peter):
    ask(paula, change("refunds", user=paula))
    request = ask(paula, change("refunds", user=paula, is_required=False))
    assert isinstance(request, ApprovalRequest)
    assert ["Approval required", "yes → no"] in request.facts
    assert ApprovalRule.objects.get(kind="refunds").is_required


def test_the_only_approver_changes_rules_alone(paula):
    ask(paula, change("refunds", user=paula))
    assert isinstance(ask(paula, change("refunds", user=paula, is_required=False)), ApprovalRule)


def test_a_request_lapses_if_the_rule_was_changed_since(paula, peter):
    ask(paula, change("refunds", user=paula, EUR=500))
    request = ask(paula, change("refunds", user=paula, EUR=900))
    ask(peter, change("refunds", user=peter, EUR=100))
    assert approve(request_id=request.pk, by=peter, at=timezone.now()).state == "lapsed"
    assert limits() == {"EUR": 100}


REFUSED = [
    # kind               is required  limits            message
    ("approval_rules", False, {}, "Looser approval rules always need approval"),
    ("overrides", True, {"EUR": 5}, "These acts have no amount"),
    ("refunds", True, {"EURO": 5}, "“EURO” is no currency"),
    ("refunds", True, {"EUR": -5}, "Enter a limit of 0 or more for EUR"),
    ("refunds", True, {"EUR": "NaN"}, "Enter a limit of 0 or more for EUR"),
]


@pytest.mark.parametrize(("kind", "is_required", "amounts", "message"), REFUSED)
def test_impossible_rules_are_refused(paula, kind, is_required, amounts, message):
    with pytest.raises(RuleRefused, match=message):
        ask(paula, change(kind, user=paula, is_required=is_required, **amounts))
