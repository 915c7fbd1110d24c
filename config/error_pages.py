"""The pages of 403, 404 and 500: staff get them in the frame of the site, with the way out."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults

from lib.admin import staff_page


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Show what the user lacks, and which groups have it; only Django's plain page to people who are not staff."""
    if not _is_for_staff(request):
        return defaults.permission_denied(request, exception or Exception())
    permission = _find_permission(exception)
    groups = Group.objects.filter(permissions=permission).order_by("name") if permission else []
    title = _("You can't open this page")
    return _page(request, 403, title=title, icon="shield_lock", permission=permission, groups=groups)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Show staff where to look instead; only Django's plain page to people who are not staff."""
    if not _is_for_staff(request):
        return defaults.page_not_found(request, exception)
    return _page(request, 404, title=_("There is nothing here"), icon="search_off")


def server_error(request: HttpRequest) -> HttpResponse:
    """Show a page that needs no database and no session, because either may be the fault."""
    if not request.path.startswith("/admin/"):
        return defaults.server_error(request)
    return HttpResponse(render_to_string("staff/frame/500.html"), status=500)


def _is_for_staff(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/") and admin.site.has_permission(request)


def _find_permission(exception: Exception | None) -> Permission | None:
    """Return the permission that `lib.admin.require` named, if it was the one that refused."""
    app_label, _dot, codename = str(exception or "").partition(".")
    return Permission.objects.filter(content_type__app_label=app_label, codename=codename).first()


def _page(request: HttpRequest, status: int, **context: Any) -> HttpResponse:
    page = staff_page(request, "staff/frame/error.html", status=status, **context)
    page.status_code = status
    return page.render()
