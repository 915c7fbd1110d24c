"""The creation of a plan from a template, with three questions that suggest one."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from lib.admin import StaffAdmin, StaffForm, page_action, page_url, staff_page, staff_user
from lib.formats import format_money
from plans.admin.fields.currency import CurrencyCodeField, usual_currency
from plans.models import Plan
from plans.models.meters import code
from plans.models.prices import Consumption
from plans.plan_templates.questions import QUESTIONS, suggest_model
from plans.plan_templates.template_import import create_plan_from_template, templates


class StartForm(StaffForm):
    template = forms.ChoiceField(choices=lambda: [(template.code, template.name) for template in templates()])
    name = forms.CharField(max_length=120, label="Name of the plan")
    code = forms.CharField(
        max_length=64,
        validators=[code],
        label="Code",
        help_text="What the API calls it, such as pro; it does not change any more.",
    )
    currency = CurrencyCodeField(label="Currency")

    def clean_code(self) -> str:
        entered_code: str = self.cleaned_data["code"]
        if Plan.objects.filter(code=entered_code).exists():
            raise forms.ValidationError(f"There is a plan “{entered_code}” already: choose another code.")
        return entered_code


class StartAdmin(StaffAdmin):
    """The page for creating a plan from a template."""

    actions_list = ("start",)

    @page_action("Start from a template", icon="auto_awesome", permission="plans.add_plan")
    def start(self, request: HttpRequest) -> HttpResponse:
        form = StartForm(request.POST or None, initial={"currency": usual_currency()})
        if request.method == "POST" and form.is_valid():
            chosen = next(template for template in templates() if template.code == form.cleaned_data.pop("template"))
            draft = create_plan_from_template(chosen, **form.cleaned_data, by=staff_user(request), at=timezone.now())
            messages.success(request, f"{draft} is a draft from “{chosen.name}”: go over its figures.")
            return HttpResponseRedirect(page_url(draft))
        answers = {name: request.GET.get(name) for name in QUESTIONS}
        return staff_page(
            request,
            "staff/catalog/plan_wizard.html",
            title="Start a plan",
            form=form,
            questions=[(name, text, answers[name]) for name, text in QUESTIONS.items()],
            **_suggested(answers),
        )


def _suggested(answers: dict[str, str | None]) -> dict[str, Any]:
    """Return the templates, those that fit the answers first, and the suggestion once all questions are answered."""
    context: dict[str, Any] = {"cards": [_card(template, fits=False) for template in templates()]}
    if all(answer in ("yes", "no") for answer in answers.values()):
        suggestion = suggest_model(**{name: answer == "yes" for name, answer in answers.items()})
        cards = [_card(template, fits=suggestion.consumption in template.suits) for template in templates()]
        context["cards"] = sorted(cards, key=lambda card: not card["fits"])
        context["suggestion"] = suggestion
        context["model"] = _word(suggestion.consumption)
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
