"""
Actions that show their consequences first, and run once they are confirmed.

A subclass defines the texts and the operation. The permission check, the form, the page, the mapping of refusals
and the redirect are here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Model
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from unfold.enums import ActionVariant

from lib.admin.actions import always, as_button
from lib.admin.links import list_url, page_url
from lib.admin.permissions import require, staff_user
from lib.translation import Text

MAX_REASON = 500
"""Maximum characters stored of a reason."""

Subject = TypeVar("Subject")
Response = HttpResponseBase | None
"""The result of an action: the page to go on to, or None to show the confirmation again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """
    The page that a person reads before they confirm.

    problems: why it can't be done now; there is no button then. warnings: to read before confirming.
    problems_title, warnings_title: headings in place of the general ones.
    verb: the button, if it is not the action's. back: the address of the way out, if it is not the row's page.
    """

    title: Text
    consequences: Sequence[Text]
    problems: Sequence[Text] = ()
    problems_title: Text = ""
    warnings: Sequence[Text] = ()
    warnings_title: Text = ""
    verb: Text = ""
    back: str = ""


class ConfirmedAction(Generic[Subject]):
    """
    A button, and the page behind it. Each request has its own instance, as with Django's class-based views.

    label, icon, variant: the button that leads to the page. verb: the button that confirms; the label without one.
    title, consequences: shown before confirming. Formatted after the translation: "{}" stands for the subject.
    permission: needed besides the permission to view the row.
    is_offered: whether the row's state fits; it only hides the button.
    refusals: exceptions of the operation that say why it did nothing. refusal_field: the form's field that they are
    about; without it, each refusal may name its own.
    missing_reason: the error if no reason is entered; without it, a reason is optional.
    """

    label: Text = ""
    icon: str | None = None
    variant = ActionVariant.DEFAULT
    verb: Text = ""
    title: Text = ""
    consequences: Sequence[Text] = ()
    problems_title: Text = ""
    danger = False
    permission: str
    is_offered: Callable[[Any], bool] = staticmethod(always)
    form_class: type[BaseForm] | None = None
    refusals: tuple[type[Exception], ...] = ()
    refusal_field: str | None = None
    missing_reason: Text = ""

    subject: Subject
    form: Any = None

    def __init__(self, page: Any, request: HttpRequest) -> None:
        self.page, self.request = page, request
        self.refusal = ""

    @classmethod
    def as_action(cls) -> Callable[..., HttpResponseBase]:
        """Return the action as a method of a ModelAdmin."""

        def view(page: Any, request: HttpRequest, **arguments: Any) -> HttpResponseBase:
            return cls(page, request).dispatch(**arguments)

        view.__doc__ = cls.__doc__
        return as_button(
            view, cls.label, cls.permission, icon=cls.icon, variant=cls.variant, is_offered=cls.is_offered
        )

    def dispatch(self, **arguments: Any) -> HttpResponseBase:
        """
        Show the page, or run the action if its form was confirmed.

        :raises PermissionDenied: if the user lacks the permission.
        """
        require(self.request, self.permission)
        self.subject = self.find(**arguments)
        self.form = self.make_form(self.subject)
        if self.is_confirmed():
            try:
                if (response := self.confirm(self.subject)) is not None:
                    return response
            except self.refusals as refusal:
                self.refuse(str(refusal), self.field_of(refusal))
        return self.show()

    # For subclasses to define --------------------------------------------------------------------------------------

    def preview(self, subject: Subject, /) -> Preview:
        """Return the texts of the page: `title` and `consequences`, unless they depend on more than the subject."""
        consequences = [str(sentence).format(subject) for sentence in self.consequences]
        return Preview(title=str(self.title).format(subject), consequences=consequences)

    def run(self, subject: Subject, /) -> HttpResponseBase | None:
        """Call the operation, and return `done(…)` or a page; None shows the confirmation again."""
        raise NotImplementedError

    def find(self, *args: Any, **arguments: Any) -> Subject:
        """Return the subject of the action: the row, unless the address has other parameters than its id."""
        subject: Subject = self.page.find(self.request, *args, **arguments)
        return subject

    def make_form(self, subject: Subject, /) -> BaseForm | None:
        return self.form_class(self.posted) if self.form_class else None

    def field_of(self, refusal: Exception) -> str | None:
        """Return the form's field that a refusal is about."""
        return self.refusal_field or getattr(refusal, "field", None)

    # Given to subclasses ---------------------------------------------------------------------------------------

    @property
    def user(self) -> User:
        return staff_user(self.request)

    @property
    def posted(self) -> Any:
        return self.request.POST or None

    @property
    def choices(self) -> dict[str, Any]:
        """The form's cleaned fields."""
        choices: dict[str, Any] = self.form.cleaned_data
        return choices

    @property
    def reason(self) -> str:
        """The reason for the audit log."""
        return self.request.POST.get("_reason", "").strip()[:MAX_REASON]

    @property
    def subject_url(self) -> str:
        """The page of the row that the action is about; the list if it is about no single row."""
        return page_url(self.subject) if isinstance(self.subject, Model) else list_url(self.page.model)

    def done(self, text: Text, *, to: Model | str | None = None, level: int = messages.SUCCESS) -> HttpResponse:
        """Report the outcome, and go on to the action's row, or to another row's page or an address."""
        messages.add_message(self.request, level, str(text))
        return self.go(to)

    def go(self, to: Model | str | None = None) -> HttpResponse:
        if to is None:
            return HttpResponseRedirect(self.subject_url)
        return HttpResponseRedirect(to if isinstance(to, str) else page_url(to))

    # Machinery --------------------------------------------------------------------------------------------

    def is_confirmed(self) -> bool:
        return self.request.method == "POST" and (self.form is None or self.form.is_valid())

    def confirm(self, subject: Subject, /) -> HttpResponseBase | None:
        """Run the action, unless something is missing; None shows the page again."""
        if self.missing_reason and not self.reason:
            messages.error(self.request, str(self.missing_reason))
            return None
        return self.run(subject)

    def refuse(self, text: str, field: str | None = None) -> None:
        """Show a refusal at its field, or in place of the button where there is no form."""
        if self.form is None:
            self.refusal = text
        else:
            self.form.add_error(field if field in self.form.fields else None, text)

    def show(self) -> HttpResponseBase:
        preview = self.preview(self.subject)
        shown = replace(
            preview,
            problems=[self.refusal] if self.refusal else preview.problems,
            problems_title=preview.problems_title or self.problems_title,
            verb=preview.verb or self.verb or self.label,
            back=preview.back or self.subject_url,
        )
        response: HttpResponseBase = self.page.admin_site.confirmation(
            self.request, shown, page=self.page, form=self.form, hidden=self.hidden_fields(), danger=self.danger
        )
        return response

    def hidden_fields(self) -> list[tuple[str, str]]:
        """Return fields that the page posts again."""
        return []
