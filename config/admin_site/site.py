"""The admin site: the common parts of every staff page, which the apps need not know."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlencode

import pghistory
from django.contrib.admin import ModelAdmin, ShowFacets
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.db.models.base import ModelBase
from django.forms import Form, Media
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe
from unfold.sites import UnfoldAdminSite
from unfold.templatetags import unfold_list

from config.admin_site import list_export, saved_views
from config.admin_site.command import command
from config.admin_site.help_pages import help_page
from config.admin_site.history import history_reader, pages
from config.admin_site.menu import Menu
from config.admin_site.pagination import BoundedPaginator
from lib.admin.confirmed_actions import MAX_REASON, Preview
from lib.admin.links import staff_page
from lib.admin.sandbox_switch import switch_rows
from lib.admin.seller_restriction import is_open_to

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

# Unfold repeats two dozen classes in each cell, half of a list's page; staff.css holds the rules of a list's cells.
unfold_list.ROW_CLASSES.clear()
unfold_list.CHECKBOX_CLASSES[1:] = []
unfold_list.LINK_CLASSES.clear()

UNSHOWN_APPS = {"account", "mfa", "socialaccount", "usersessions"}
"""Apps of allauth, whose pages would show second factors and tokens."""


class TollbookAdminSite(UnfoldAdminSite):
    """The staff site, with a history page for every tracked model and a reason stored with every change."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register a page with our defaults; see `UNSHOWN_APPS` for those that are left out."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else [*model_or_iterable]
        shown = [model for model in models if model._meta.app_label not in UNSHOWN_APPS]
        defaults = {name: value for name, value in PAGES.items() if not _sets_option(admin_class, name)}
        super().register(shown, admin_class, **defaults | options)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "menu": Menu(request)}

    def get_urls(self) -> list[URLResolver | URLPattern]:
        frame = [
            path("command/", self.admin_view(require_safe(command)), name="command"),
            path("help/<path:name>/", self.admin_view(require_safe(help_page)), name="help"),
            path("switch/", self.admin_view(require_POST(switch)), name="switch"),
            path("views/", self.admin_view(require_POST(saved_views.save_as_view)), name="save_view"),
            path("views/<int:view_id>/", self.admin_view(require_POST(saved_views.change_view)), name="change_view"),
            path("columns/", self.admin_view(require_POST(saved_views.choose_list_columns)), name="choose_columns"),
        ]
        changes = path("changes/", self.admin_view(pages.changes), name="changes")
        changes_file = path("changes/<str:kind>/", self.admin_view(pages.changes_file), name="changes_file")
        histories = [
            self._url(model, "<path:object_id>/history/", pages.history, "history")
            for model in self._registry
            if history_reader.is_tracked(model)
        ]
        downloads = [self._url(model, "export/", list_export.download, "export") for model in self._registry]
        return [*frame, changes, changes_file, *histories, *downloads, *super().get_urls()]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """
        Send people to the page of sign-in that all of staff uses.

        :raises PermissionDenied: if a user is signed in who is not staff, and would come back here.
        """
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        return redirect_to_login(request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index"))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Replace the theme's search by the command bar."""
        query = urlencode({"q": request.GET.get("s", "")})
        return HttpResponseRedirect(f"{reverse('admin:command')}?{query}")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return HttpResponseRedirect(reverse("account_change_password"))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        return super().admin_view(_for_allowed_sellers(_with_reason(view)), cacheable)

    def confirmation(
        self,
        request: HttpRequest,
        preview: Preview,
        *,
        page: "ModelAdmin[Any]",
        form: Form | None = None,
        hidden: Sequence[tuple[str, str]] = (),
        danger: bool = False,
    ) -> TemplateResponse:
        """
        Show a confirmation page: the consequences in sentences, and a button with the verb.

        hidden: fields that the page posts again, such as the rows selected in a list.
        """
        context = {
            "preview": preview,
            "hidden": hidden,
            "form": form,
            "media": page.media + (form.media if form else Media()),
            "danger": danger,
        }
        return staff_page(request, "staff/confirm.html", title=preview.title, **context)

    def _url(
        self, model: type[Model], route: str, view: Callable[..., HttpResponseBase], view_name: str
    ) -> URLPattern:
        """Return a URL below a model's list, for a view that takes the model's page."""
        meta = model._meta
        pattern: URLPattern = path(
            f"{meta.app_label}/{meta.model_name}/{route}",
            self.admin_view(view),
            {"page": self._registry[model]},
            name=f"{meta.app_label}_{meta.model_name}_{view_name}",
        )
        return pattern


def switch(request: HttpRequest) -> HttpResponse:
    """Switch the site between live and sandbox rows, and go back."""
    switch_rows(request, to_sandbox=request.POST.get("rows") == "sandbox")
    back = request.POST.get("next", "")
    is_own = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return HttpResponseRedirect(back if is_own else reverse("admin:index"))


def _sets_option(admin_class: "type[ModelAdmin[Any]] | None", name: str) -> bool:
    """Return whether a ModelAdmin sets an option itself, as opposed to inheriting it from Django or the theme."""
    return admin_class is not None and any(
        name in vars(base) for base in admin_class.__mro__ if not base.__module__.startswith(("django.", "unfold."))
    )


def _for_allowed_sellers(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wrap a view so that users who are restricted to sellers can't request pages about all sellers."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not is_open_to(request, view):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return wrapped


def _with_reason(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wrap a view so that the reason entered in a form is stored with every change of the request."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        reason = request.POST.get("_reason", "").strip()[:MAX_REASON] if request.method == "POST" else ""
        if not reason:
            return view(request, *args, **kwargs)
        with pghistory.context(reason=reason):
            return view(request, *args, **kwargs)

    return wrapped
