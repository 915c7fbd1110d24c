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
    suggestion = suggest_model(costly=costly, blocked=blocked, visible=visible)
    assert suggestion.consumption == Consumption(suggested)
    assert suggestion.reason


def test_the_page_marks_the_suggested_models_and_gives_reasons(finance):
    response = finance.get(START, {"costly": "yes", "blocked": "yes", "visible": "yes"})
    assert "Hard cap" in response.content.decode()
    assert next(card["fits"] for card in response.context["cards"])
    assert "Credit packs" in response.content.decode()


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
    ({"code": "taken"}, "A plan “taken” already exists"),
    ({"currency": "XYZ"}, "XYZ"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[message for _, message in WRONG])
def test_an_invalid_answer_shows_the_error_and_creates_no_plan(finance, fields, message):
    Plan.objects.create(code="taken", name="Taken")
    arguments = {"template": "sms", "name": "Pro", "code": "pro", "currency": "USD", **fields}
    assert message in finance.post(START, arguments).content.decode()
    assert Plan.objects.count() == 1


def test_a_read_only_group_starts_no_plan(member):
    assert member("support").get(START).status_code == 403
