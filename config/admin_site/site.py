"""The admin site: the common parts of every staff page, which the apps need not know."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import pghistory
from django.contrib.admin import ModelAdmin, ShowFacets
from django.db.models import Model
from django.forms import Form, Media
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.sites import UnfoldAdminSite

from config.admin_site import list_export
from config.admin_site.history import history_reader, pages
from config.admin_site.pagination import BoundedPaginator

PAGES: dict[str, Any] = {
    "list_per_page": 25,
    "list_max_show_all": 0,
    "show_full_result_count": False,
    "show_facets": ShowFacets.NEVER,  # facets need a count for each choice of each filter
    "paginator": BoundedPaginator,
    "list_filter_submit": True,
    "warn_unsaved_form": True,
}
"""Defaults for pages whose ModelAdmin does not set these options."""

MAX_REASON = 500
"""Maximum characters stored of a reason."""


class TollbookAdminSite(UnfoldAdminSite):
    """The staff site, with a history page for every tracked model and a reason stored with every change."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        defaults = {name: value for name, value in PAGES.items() if not _sets_option(admin_class, name)}
        super().register(model_or_iterable, admin_class, **defaults | options)

    def get_urls(self) -> list[URLPattern]:
        changes = path("changes/", self.admin_view(pages.changes), {"site": self}, name="changes")
        histories = [
            self._url(model, "<path:object_id>/history/", pages.history, "history")
            for model in self._registry
            if history_reader.is_tracked(model)
        ]
        downloads = [self._url(model, "export/", list_export.download, "export") for model in self._registry]
        return [changes, *histories, *downloads, *super().get_urls()]

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Any:
        return super().admin_view(_with_reason(view), cacheable)

    def confirmation(
        self,
        request: HttpRequest,
        *,
        page: ModelAdmin,
        title: str,
        consequences: Sequence[str],
        verb: str,
        obj: Model | None = None,
        form: Form | None = None,
        problems: Sequence[str] = (),
        problems_title: str = "",
        warnings: Sequence[str] = (),
        hidden: Sequence[tuple[str, str]] = (),
        danger: bool = False,
        back: str = "",
    ) -> TemplateResponse:
        """
        Show a confirmation page: the consequences in sentences, and a button with the verb.

        problems: why it can't be done now; there is no button then. warnings: to read before confirming.
        hidden: fields that the page posts again, such as the rows selected in a list.
        """
        meta = page.opts
        name = f"{self.name}:{meta.app_label}_{meta.model_name}"
        context = {
            **self.each_context(request),
            "title": title,
            "opts": None,
            "consequences": consequences,
            "problems": problems,
            "problems_title": problems_title,
            "warnings": warnings,
            "hidden": hidden,
            "form": form,
            "media": page.media + (form.media if form else Media()),
            "verb": verb,
            "danger": danger,
            "back": back or (reverse(f"{name}_change", args=[obj.pk]) if obj else reverse(f"{name}_changelist")),
        }
        request.current_app = self.name
        return TemplateResponse(request, "staff/confirm.html", context)

    def _url(self, model: type[Model], route: str, view: Callable[..., HttpResponse], view_name: str) -> URLPattern:
        """Return a URL below a model's list, for a view that takes the model's page."""
        meta = model._meta
        return path(
            f"{meta.app_label}/{meta.model_name}/{route}",
            self.admin_view(view),
            {"page": self._registry[model]},
            name=f"{meta.app_label}_{meta.model_name}_{view_name}",
        )


def _sets_option(admin_class: type[ModelAdmin] | None, name: str) -> bool:
    """Return whether a ModelAdmin sets an option itself, as opposed to inheriting it from Django or the theme."""
    return admin_class is not None and any(
        name in vars(base) for base in admin_class.__mro__ if not base.__module__.startswith(("django.", "unfold."))
    )


def _with_reason(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Wrap a view so that the reason entered in a form is stored with every change of the request."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        reason = request.POST.get("_reason", "").strip()[:MAX_REASON] if request.method == "POST" else ""
        if not reason:
            return view(request, *args, **kwargs)
        with pghistory.context(reason=reason):
            return view(request, *args, **kwargs)

    return wrapped
