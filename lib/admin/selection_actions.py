"""Confirmed actions on the selected rows of a list."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from lib.admin.actions import as_button
from lib.admin.confirmed_actions import ConfirmedAction

Row = TypeVar("Row", bound=Model)


class SelectionAction(ConfirmedAction[list[Row]]):
    """
    An action on the selected rows of a list.

    limit: the maximum number of rows that it takes. agreed_field: what the page posts to tell the confirmation from
    the selection.
    """

    limit: int | None = None
    agreed_field = "_agreed"

    @classmethod
    def as_action(cls) -> Callable[..., HttpResponseBase]:
        def view(page: Any, request: HttpRequest, queryset: QuerySet[Row]) -> HttpResponseBase:
            return cls(page, request).dispatch(queryset=queryset)

        return as_button(view, cls.label, cls.permission)

    def select(self, queryset: QuerySet[Row]) -> QuerySet[Row]:
        """Return the rows that the action applies to."""
        return queryset

    def find(self, *, queryset: QuerySet[Row]) -> list[Row]:
        return list(self.select(queryset)[: self.limit])

    def is_confirmed(self) -> bool:
        return self.agreed_field in self.request.POST

    def go(self, to: Model | str | None = None) -> HttpResponse:
        return super().go(to or self.request.get_full_path())

    def hidden_fields(self) -> list[tuple[str, str]]:
        rows = [(ACTION_CHECKBOX_NAME, str(row.pk)) for row in self.subject]
        return [("action", self.request.POST["action"]), (self.agreed_field, "1"), *rows]
