"""Pages with a form and a template of their own, which are about no single row."""

from typing import Any

from django.forms import BaseForm
from django.http.response import HttpResponseBase

from lib.admin.confirmed_actions import ConfirmedAction
from lib.admin.links import list_url, staff_page


class FormPage(ConfirmedAction[None]):
    """
    A page that shows a form, and runs once the form is valid.

    template: shows the form, a link back to the list, and the values of `context`.
    """

    template: str
    form_class: type[BaseForm]

    def find(self) -> None:
        return None

    def make_form(self, subject: None) -> BaseForm:
        return self.form_class(self.posted, self.request.FILES or None, **self.form_arguments())

    def form_arguments(self) -> dict[str, Any]:
        """Return the arguments of the form besides the request's, such as its initial values."""
        return {}

    def context(self) -> dict[str, Any]:
        """Return further values for the template."""
        return {}

    def show(self) -> HttpResponseBase:
        context = {"title": self.title, "form": self.form, "back": list_url(self.page.model), **self.context()}
        return staff_page(self.request, self.template, **context)
