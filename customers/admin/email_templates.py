"""Email templates in the seller's own words: a form with its placeholders, and a live preview."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.mail import BadHeaderError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from customers.models import EmailTemplate
from customers.notifications.email import EmailText, compose_email
from customers.notifications.email_templates import LANGUAGES, find_problems, placeholder_names
from customers.notifications.kinds import KINDS
from customers.notifications.samples import SAMPLES

SAMPLE_NAME = "Acme GmbH"
MAX_BODY = 5_000


class WordingForm(forms.ModelForm):
    kind = forms.ChoiceField(
        choices=[(name, KINDS[name].title) for name in SAMPLES], widget=UnfoldAdminSelectWidget, label="Mail"
    )
    language = forms.RegexField(
        regex=r"^[a-z]{2,3}$",
        initial="en",
        widget=UnfoldAdminTextInputWidget,
        help_text=f"As contacts and customers have it, such as {', '.join(LANGUAGES)}.",
    )

    class Meta:
        model = EmailTemplate
        fields = ("kind", "language", "subject", "body")
        widgets = {
            "subject": UnfoldAdminTextInputWidget,
            "body": UnfoldAdminTextareaWidget(attrs={"rows": 10}),
        }
        help_texts = {"body": "Paragraphs are set apart by an empty line. {number} stands for a fact of the mail."}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kind = cleaned.get("kind", "")
        for name in ("subject", "body"):
            for problem in find_problems(kind, cleaned.get(name, "")) if kind else ():
                self.add_error(name, problem)
        if len(cleaned.get("body", "")) > MAX_BODY:
            self.add_error("body", f"At most {MAX_BODY:,} characters, please.")
        return cleaned


@admin.register(EmailTemplate)
class WordingAdmin(ModelAdmin):
    form = WordingForm
    list_display = ("title", "language_shown", "subject")
    ordering = ("kind", "language")
    search_fields = ("kind", "subject")
    change_form_outer_after_template = "staff/customers/email_preview.html"
    actions_detail = ("send_test",)

    def get_urls(self) -> list[URLPattern]:
        preview = path(
            "preview/", self.admin_site.admin_view(self.preview_view), name="customers_emailtemplate_preview"
        )
        return [preview, *super().get_urls()]

    @display(description="Mail", ordering="kind")
    def title(self, wording: EmailTemplate) -> str:
        return KINDS[wording.kind].title if wording.kind in KINDS else wording.kind

    @display(description="Language", ordering="language")
    def language_shown(self, wording: EmailTemplate) -> str:
        return LANGUAGES.get(wording.language, wording.language)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show the email with the form's wording, or the built-in wording while the form is empty."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        kind = request.POST.get("kind", "")
        if kind not in SAMPLES:
            return TemplateResponse(request, "staff/customers/email_preview_result.html", {"untouched": True})
        subject, body = (request.POST.get(name, "") for name in ("subject", "body"))
        problems = [*find_problems(kind, subject), *find_problems(kind, body)]
        is_own = bool(subject.strip() and body.strip())
        language = request.POST.get("language", "en").strip() or "en"
        text = sample(kind, language, {language: [subject, body]} if is_own else {})
        context = {"text": text, "problems": problems, "is_own": is_own, "names": names_with_samples(kind)}
        return TemplateResponse(request, "staff/customers/email_preview_result.html", context)

    def has_send_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request)

    @action(description="Send me a test", icon="forward_to_inbox", permissions=["send"])
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the stored wording with sample facts to the current user."""
        wording = self.get_object(request, object_id)
        back = HttpResponseRedirect(reverse("admin:customers_emailtemplate_change", args=[object_id]))
        to = request.user.email
        if wording is None or not to:
            messages.error(request, "You have no mail address: have one entered under People first.")
            return back
        if request.method != "POST":
            return self.admin_site.confirmation(
                request,
                page=self,
                obj=wording,
                title="Send me a test",
                consequences=[f"The text as it is stored, with sample facts, is mailed to {to}."],
                verb="Send me a test",
            )
        text = sample(wording.kind, wording.language, {wording.language: [wording.subject, wording.body]})
        try:
            text.as_message(to).send()
        except (OSError, BadHeaderError) as error:
            messages.error(request, f"It could not be sent: {error}")
        else:
            messages.success(request, f"A test with sample facts is on its way to {to}.")
        return back


def sample(kind: str, language: str, wordings: dict[str, list[str]]) -> EmailText:
    """Return an email with sample facts."""
    return compose_email(kind, language=language, facts=SAMPLES[kind], customer_name=SAMPLE_NAME, wordings=wordings)


def names_with_samples(kind: str) -> list[tuple[str, str]]:
    """Return the placeholders of a template, each with its value in the sample."""
    facts = {"customer_name": SAMPLE_NAME, **SAMPLES[kind]}
    return [(f"{{{name}}}", "" if facts[name] is None else str(facts[name])) for name in placeholder_names(kind)]
