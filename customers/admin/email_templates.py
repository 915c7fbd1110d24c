"""Email templates in the seller's own words: a form with placeholders and a preview of each kind and language."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.messages import ERROR
from django.core.exceptions import PermissionDenied
from django.core.mail import BadHeaderError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from customers.models import EmailTemplate, Seller
from customers.notifications.email import EmailText, compose_email
from customers.notifications.email_sender import sender_of
from customers.notifications.email_templates import LANGUAGES, find_problems, placeholder_names
from customers.notifications.kinds import KINDS
from customers.notifications.samples import EMAIL_FACTS, SAMPLES
from lib.admin import ConfirmedAction, Preview, Response, StaffAdmin
from lib.admin.pick_lists import PickList
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.email_layout import NO_SENDER
from lib.row_form import RowForm

SAMPLE_NAME = "Acme GmbH"
MAX_BODY = 5_000
NO_ADDRESS = _("Your user has no email address. Ask an administrator to add one.")


class WordingForm(RowForm[EmailTemplate]):
    kind = forms.ChoiceField(
        choices=[(name, KINDS[name].title) for name in SAMPLES],
        widget=UnfoldAdminSelectWidget,
        label=_("Notification"),
    )
    language = forms.RegexField(
        regex=r"^[a-z]{2,3}$",
        initial="en",
        widget=PickList(LANGUAGES.items),
        label=_("Language"),
    )

    class Meta:
        model = EmailTemplate
        fields = ("kind", "language", "subject", "body")
        widgets = {
            "subject": UnfoldAdminTextInputWidget,
            "body": UnfoldAdminTextareaWidget(attrs={"rows": 10}),
        }
        help_texts = {
            "body": _("Separate paragraphs by an empty line. Insert facts by placeholders such as {number}.")
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        kind = cleaned.get("kind", "")
        for name in ("subject", "body"):
            for problem in find_problems(kind, cleaned.get(name, "")) if kind else ():
                self.add_error(name, problem)
        if len(cleaned.get("body", "")) > MAX_BODY:
            self.add_error("body", gettext("Use at most %(count)s characters.") % {"count": f"{MAX_BODY:,}"})
        return cleaned


class SendTestMail(ConfirmedAction[EmailTemplate]):
    label, icon = "Send a test to me", "forward_to_inbox"
    permission = "customers.change_emailtemplate"
    refusals = (OSError, BadHeaderError)

    def preview(self, wording: EmailTemplate) -> Preview:
        to = self.user.email
        return Preview(
            title=gettext("Send a test to me"),
            consequences=[gettext("Tollbook sends the saved text with sample facts to %(email)s.") % {"email": to}],
            problems=[] if to else [str(NO_ADDRESS)],
            problems_title=gettext("The test cannot be sent:"),
        )

    def run(self, wording: EmailTemplate) -> Response:
        if not self.user.email:
            return self.done(str(NO_ADDRESS), level=ERROR)
        text = sample(wording.kind, wording.language, {wording.language: [wording.subject, wording.body]})
        text.as_message(self.user.email).send()
        return self.done(gettext("Test email sent to %(email)s.") % {"email": self.user.email})


@admin.register(EmailTemplate)
class WordingAdmin(StaffAdmin):
    seller_paths = OF_NO_SELLER
    form = WordingForm
    list_display = ("title", "language_shown", "subject")
    ordering = ("kind", "language")
    search_fields = ("kind", "subject")
    change_form_outer_after_template = "staff/customers/email_preview.html"
    actions_detail = ("send_test",)
    further_pages = (("preview/", "preview_view", "customers_emailtemplate_preview"),)

    send_test = SendTestMail.as_action()

    @display(description="Notification", ordering="kind")
    def title(self, wording: EmailTemplate) -> str:
        return str(KINDS[wording.kind].title) if wording.kind in KINDS else wording.kind

    @display(description="Language", ordering="language")
    def language_shown(self, wording: EmailTemplate) -> str:
        return str(LANGUAGES.get(wording.language, wording.language))

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
        names = [(f"{{{name}}}", text.placeholders.get(name, "")) for name in placeholder_names(kind)]
        context = {"text": text, "problems": problems, "is_own": is_own, "names": names}
        return TemplateResponse(request, "staff/customers/email_preview_result.html", context)


def sample(kind: str, language: str, wordings: dict[str, list[str]]) -> EmailText:
    """Return an email with sample facts, in the look of the first seller."""
    seller = Seller.objects.select_related("logo").order_by("pk").first()
    return compose_email(
        kind,
        language=language,
        facts=SAMPLES[kind] | EMAIL_FACTS.get(kind, {}),
        customer_name=SAMPLE_NAME,
        wordings=wordings,
        locale=seller.locale if seller else "",
        sender=sender_of(seller) if seller else NO_SENDER,
    )
