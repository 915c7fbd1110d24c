"""Finance answers three questions, chooses a template and has a draft to edit."""

import re
from itertools import product

import pytest

from plans.models import CreditPack, Plan, PlanVersion
from plans.plan_templates.questions import DEFAULTS, QUESTIONS, propose_model
from tests.docs_tables import DOCS, rows

START = "/admin/plans/plan/start/"


@pytest.fixture
def finance(member):
    return member("finance")


@pytest.mark.parametrize("row", rows("publishing.md", "start"), ids=str)
def test_three_answers_propose_the_documented_model(row):
    proposal = propose_model(cost=row["cost"], blocked=row["blocked"], visible=row["visible"])
    assert (proposal.consumption or "none") == row["proposal"]
    assert proposal.reason


def test_each_combination_of_answers_is_documented():
    documented = [(row["cost"], row["blocked"], row["visible"]) for row in rows("publishing.md", "start")]
    assert sorted(documented) == sorted(product(*(question.answers for question in QUESTIONS.values())))


def test_the_defaults_are_those_that_are_documented():
    page = (DOCS / "publishing.md").read_text(encoding="utf-8")
    assert re.findall(r"^\* \*\*(\w+)\*\*", page, re.MULTILINE) == [default.consumption for default in DEFAULTS]


def test_the_page_marks_the_proposed_models_and_gives_reasons(finance):
    response = finance.get(START, {"cost": "small", "blocked": "yes", "visible": "yes"})
    assert "<strong>Hard cap</strong>: The customer tolerates being blocked" in response.content.decode()
    assert [card["code"] for card in response.context["cards"] if card["fits"]] == ["monthly-generations", "hybrid"]
    assert "For developers who call several models" in response.content.decode()


def test_an_invisible_unit_gets_no_proposal(finance):
    response = finance.get(START, {"cost": "large", "blocked": "no", "visible": "no"})
    assert "Redesign the unit first." in response.content.decode()
    assert not any(card["fits"] for card in response.context["cards"])


def test_there_is_no_proposal_until_all_questions_are_answered(finance):
    assert "proposal" not in finance.get(START, {"cost": "small", "blocked": "yes"}).context
    assert "proposal" not in finance.get(START, {"cost": "huge", "blocked": "yes", "visible": "yes"}).context


def test_a_template_becomes_a_draft(finance):
    arguments = {"template": "token-api", "name": "Pro", "code": "pro", "currency": "eur"}
    answer = finance.post(START, arguments)
    draft = PlanVersion.objects.get(plan__code="pro")
    assert answer.headers["Location"].endswith(f"/planversion/{draft.pk}/change/")
    assert (draft.state, draft.features.get().prices.get().rates.count()) == ("draft", 4)


def test_the_pack_template_also_makes_the_pack(finance):
    arguments = {"template": "credit-packs", "name": "Prepaid", "code": "prepaid", "currency": "usd"}
    page = finance.post(START, arguments, follow=True).content.decode()
    assert "with the credit pack “1,000,000 credits”" in page
    assert CreditPack.objects.get().slabs.get().percent == 10


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
