"""The creation of a plan from a template, with three questions that propose a consumption model."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lib.admin import FormPage, Response, StaffForm
from lib.formats import format_money
from plans.admin.fields.currency import CurrencyCodeField, usual_currency
from plans.models import Plan
from plans.models.meters import code
from plans.models.prices import Consumption
from plans.plan_templates.questions import DEFAULTS, QUESTIONS, propose_model
from plans.plan_templates.template_import import create_plan_from_template, templates


class StartForm(StaffForm):
    template = forms.ChoiceField(choices=lambda: [(template.code, template.name) for template in templates()])
    name = forms.CharField(max_length=120, label=_("Plan name"))
    code = forms.CharField(
        max_length=64,
        validators=[code],
        label=_("Code"),
        help_text=_("Identifies the plan in the API, such as pro. It can't be changed later."),
    )
    currency = CurrencyCodeField(label=_("Currency"))

    def clean_code(self) -> str:
        entered_code: str = self.cleaned_data["code"]
        if Plan.objects.filter(code=entered_code).exists():
            text = gettext("A plan “%(code)s” already exists. Enter another code.")
            raise forms.ValidationError(text % {"code": entered_code})
        return entered_code


class StartPlan(FormPage):
    """Create a plan from a template."""

    label, icon, title = _("Start from a template"), "auto_awesome", _("Start a plan")
    permission = "plans.add_plan"
    form_class = StartForm
    template = "staff/catalog/plan_wizard.html"

    def form_arguments(self) -> dict[str, Any]:
        return {"initial": {"currency": usual_currency()}}

    def run(self, subject: None) -> Response:
        code = self.choices.pop("template")
        chosen = next(template for template in templates() if template.code == code)
        draft = create_plan_from_template(chosen, **self.choices, by=self.user, at=timezone.now())
        text = gettext("%(draft)s is created from “%(template)s”. Adjust its prices.")
        if chosen.pack:
            text = gettext(
                "%(draft)s is created from “%(template)s”, with the credit pack “%(pack)s”. Adjust the prices of"
                " both, then remove the end of the pack's sale to sell it."
            )
        values = {"draft": draft, "template": chosen.name, "pack": chosen.pack.get("name", "")}
        return self.done(text % values, to=draft)

    def context(self) -> dict[str, Any]:
        answers = {name: self.request.GET.get(name, "") for name in QUESTIONS}
        questions = [(name, question, answers[name]) for name, question in QUESTIONS.items()]
        defaults = [(_word(default.consumption), default.reason) for default in DEFAULTS if default.consumption]
        return {"questions": questions, "defaults": defaults, **_proposed(answers)}


def _proposed(answers: dict[str, str]) -> dict[str, Any]:
    """Return the templates, those that fit the answers first, and the proposal once all questions are answered."""
    context: dict[str, Any] = {"cards": [_card(template, fits=False) for template in templates()]}
    if all(answers[name] in question.answers for name, question in QUESTIONS.items()):
        proposal = propose_model(**answers)
        cards = [_card(template, fits=proposal.consumption in template.suits) for template in templates()]
        context["cards"] = sorted(cards, key=lambda card: not card["fits"])
        context["proposal"] = proposal
        context["model"] = _word(proposal.consumption) if proposal.consumption else ""
    return context


def _word(consumption: Consumption) -> str:
    return str(consumption.label).partition(":")[0]


def _card(template: Any, *, fits: bool) -> dict[str, Any]:
    return {
        "code": template.code,
        "name": template.name,
        "summary": template.summary,
        "example": f"{template.says}: {format_money(template.total, 'USD')}",
        "fits": fits,
    }
