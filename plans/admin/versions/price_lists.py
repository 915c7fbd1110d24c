"""The price list of a version as a file: download from any version, import into a draft."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from lib.admin import page_url, row_action, staff_page, staff_user
from lib.formats import format_number
from lib.tabular_files import CellProblem, FileRefused
from plans.admin.fields.file_upload import UploadForm
from plans.admin.versions.comparison import VersionComparison
from plans.catalog.comparison import VersionDifference
from plans.models import PlanVersion
from plans.price_lists.files import CONTENT_TYPES, read, write
from plans.price_lists.list_import import import_price_list
from plans.price_lists.table_format import columns
from plans.price_lists.version_items import ListRefused

KINDS = {"added": _("new"), "removed": _("removed")}


class VersionPriceList(VersionComparison):
    """The page that offers a price list for download, and imports one after showing its changes."""

    @row_action(_("Price list"), icon="table_view", url_path="price-list")
    def price_list(self, request: HttpRequest, version: PlanVersion) -> HttpResponse:
        if kind := request.GET.get("as"):
            return _file(version, kind)
        may_import = version.is_editable and self.has_change_permission(request, version)
        if request.method == "POST" and not may_import:
            raise PermissionDenied(f"{version} is not a draft. Create a new version to import a price list.")
        form = UploadForm(request.POST or None, request.FILES or None)
        changes: Sequence[VersionDifference] = ()
        problems: Sequence[CellProblem] = ()
        is_read = False
        if request.method == "POST" and form.is_valid():
            try:
                item = read(form.content, name=form.name)
                changes = import_price_list(
                    item, version=version, by=staff_user(request), at=timezone.now(), dry_run=not form.is_confirmed
                )
                is_read = True
            except FileRefused as refusal:
                form.add_error("file", str(refusal))
            except ListRefused as refusal:
                problems = refusal.problems
            else:
                if form.is_confirmed:
                    text = ngettext(
                        "The price list is imported into %(version)s: %(count)s change.",
                        "The price list is imported into %(version)s: %(count)s changes.",
                        len(changes),
                    )
                    values = {"version": version, "count": format_number(len(changes))}
                    messages.success(request, text % values)
                    return HttpResponseRedirect(page_url(version))
        return staff_page(
            request,
            "staff/catalog/price_list.html",
            title=gettext("Price list of %(version)s") % {"version": version},
            version=version,
            may_take=may_import,
            form=form,
            columns=columns(),
            is_read=is_read,
            changes=[(KINDS.get(change.kind, gettext("changed")), change) for change in changes],
            problems=problems,
            hidden=form.hidden() if changes else [],
            back=page_url(version),
        )


def _file(version: Any, kind: str) -> HttpResponse:
    if kind not in CONTENT_TYPES:
        raise PermissionDenied(f"A price list can be downloaded as {', '.join(CONTENT_TYPES)}.")
    name = f"{version.plan.code}-v{version.number}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(write(version, kind), content_type=CONTENT_TYPES[kind], headers=headers)
