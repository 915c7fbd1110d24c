"""A new plan from a template, with three questions to find the one that fits."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from lib.formats import format_money
from plans.admin.fields.currency import CurrencyCodeField, usual_currency
from plans.admin.versions.comparison import page_of
from plans.models import Plan
from plans.models.meters import code
from plans.models.prices import Consumption
from plans.plan_templates.questions import QUESTIONS, suggestion
from plans.plan_templates.template_import import start_from, templates


class StartForm(forms.Form):
    template = forms.ChoiceField(choices=lambda: [(one.code, one.name) for one in templates()])
    name = forms.CharField(max_length=120, label="Name of the plan", widget=UnfoldAdminTextInputWidget)
    code = forms.CharField(
        max_length=64,
        validators=[code],
        label="Code",
        help_text="What the API calls it, such as pro; it does not change any more.",
        widget=UnfoldAdminTextInputWidget,
    )
    currency = CurrencyCodeField(label="Currency")

    def clean_code(self) -> str:
        asked: str = self.cleaned_data["code"]
        if Plan.objects.filter(code=asked).exists():
            raise forms.ValidationError(f"There is a plan “{asked}” already: choose another code.")
        return asked


class StartAdmin(ModelAdmin):
    """The page that a plan may start from."""

    actions_list = ("start",)

    @action(description="Start from a template", icon="auto_awesome", url_path="start", permissions=["add"])
    def start(self, request: HttpRequest) -> HttpResponse:
        form = StartForm(request.POST or None, initial={"currency": usual_currency()})
        if request.method == "POST" and form.is_valid():
            chosen = next(one for one in templates() if one.code == form.cleaned_data.pop("template"))
            draft = start_from(chosen, **form.cleaned_data, by=request.user, at=timezone.now())
            messages.success(request, f"{draft} is a draft from “{chosen.name}”: go over its figures.")
            return HttpResponseRedirect(page_of(draft))
        answers = {name: request.GET.get(name) for name in QUESTIONS}
        context = {
            **self.admin_site.each_context(request),
            "title": "Start a plan",
            "opts": None,
            "form": form,
            "questions": [(name, text, answers[name]) for name, text in QUESTIONS.items()],
            **_suggested(answers),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "staff/catalog/plan_wizard.html", context)


def _suggested(answers: dict[str, str | None]) -> dict[str, Any]:
    """Return the templates, those that fit the answers first, and what these suggest once all are given."""
    found: dict[str, Any] = {"cards": [_card(one, fits=False) for one in templates()]}
    if all(answer in ("yes", "no") for answer in answers.values()):
        asked = suggestion(**{name: answer == "yes" for name, answer in answers.items()})
        cards = [_card(one, fits=asked.consumption in one.suits) for one in templates()]
        found["cards"] = sorted(cards, key=lambda card: not card["fits"])
        found["suggestion"] = asked
        found["model"] = _word(asked.consumption)
    return found


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
