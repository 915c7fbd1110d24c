"""Finance answers three questions, chooses a template and has a draft to edit."""

import pytest

from plans.models import Plan, PlanVersion
from plans.models.prices import Consumption
from plans.plan_templates.questions import suggest_model

START = "/admin/plans/plan/start/"


@pytest.fixture
def finance(member):
    return member("finance")


ANSWERS = [
    # costly  blocked visible  suggested
    (True, True, True, "hard_cap"),
    (True, True, False, "credits"),
    (True, False, True, "overage"),
    (True, False, False, "credits"),
    (False, True, True, "hard_cap"),
    (False, True, False, "hard_cap"),
    (False, False, True, "overage"),
    (False, False, False, "overage"),
]


@pytest.mark.parametrize(("costly", "blocked", "visible", "suggested"), ANSWERS)
def test_three_answers_suggest_a_model(costly, blocked, visible, suggested):
    found = suggest_model(costly=costly, blocked=blocked, visible=visible)
    assert found.consumption == Consumption(suggested)
    assert found.reason


def test_the_page_says_what_fits_and_why(finance):
    told = finance.get(START, {"costly": "yes", "blocked": "yes", "visible": "yes"})
    assert "Hard cap" in told.content.decode()
    assert next(card["fits"] for card in told.context["cards"])
    assert "Credit packs" in told.content.decode()


def test_a_template_becomes_a_draft(finance):
    arguments = {"template": "token-api", "name": "Pro", "code": "pro", "currency": "eur"}
    answer = finance.post(START, arguments)
    draft = PlanVersion.objects.get(plan__code="pro")
    assert answer.headers["Location"].endswith(f"/planversion/{draft.pk}/change/")
    assert (draft.state, draft.features.get().prices.get().rates.count()) == ("draft", 4)


WRONG = [
    ({"template": "none"}, "none"),
    ({"template": ""}, "required"),
    ({"code": "Pro!"}, "lower-case"),
    ({"code": "taken"}, "There is a plan “taken” already"),
    ({"currency": "XYZ"}, "XYZ"),
]


@pytest.mark.parametrize(("fields", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_does_not_fit_is_said_and_nothing_is_made(finance, fields, said):
    Plan.objects.create(code="taken", name="Taken")
    arguments = {"template": "sms", "name": "Pro", "code": "pro", "currency": "USD", **fields}
    assert said in finance.post(START, arguments).content.decode()
    assert Plan.objects.count() == 1


def test_who_may_only_look_starts_nothing(member):
    assert member("support").get(START).status_code == 403
