"""Drop targets: where all tables are written every night, and the results of the last drops."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.jobs.worker_wakeup import wake
from billing.admin.secret_target import SecretTargetAdmin, checked_address, secret_field
from billing.models import DropTarget, Job, JobItem
from billing.models.data_drop import DropKind
from billing.models.jobs import ItemState, JobKind, JobState
from billing.revenue.data_drop.job import DATA_DROP, DropRefused, start_drop
from lib.admin import ConfirmedAction, Preview, Response, page_url
from lib.admin.columns import column, display
from lib.formats import format_number
from lib.row_form import RowForm

MAX_SECRET = 200
LAST_DROPS = 5
COLORS = {"queued": "info", "running": "info", "paused": "warning", "done": "success", "failed": "danger"}


class DropTargetForm(RowForm[DropTarget]):
    """The secret key is stored encrypted and never shown again."""

    secret_key = secret_field(_("Secret access key"), owner=_("Of a bucket."), max_length=MAX_SECRET)

    class Meta:
        model = DropTarget
        fields = (
            *("name", "seller", "kind", "path", "format", "hour", "is_enabled"),
            *("endpoint", "region", "bucket", "access_key", "secret_key"),
        )

    def clean_endpoint(self) -> str:
        return checked_address(self.cleaned_data["endpoint"]).rstrip("/")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        kind = cleaned.get("kind", self.instance.kind)
        if kind == DropKind.BUCKET and not (cleaned.get("secret_key") or self.instance.secret):
            self.add_error("secret_key", _("Enter the secret key of the bucket's access key."))
        if kind == DropKind.FOLDER and cleaned.get("secret_key"):
            self.add_error("secret_key", _("A folder has no secret key. Leave it empty."))
        return cleaned


class DropNow(ConfirmedAction[DropTarget]):
    """Start a drop now, besides the nightly ones."""

    label, icon, verb = _("Drop now"), "cloud_upload", _("Drop now")
    permission = DATA_DROP.permission
    refusals = (DropRefused,)

    def preview(self, target: DropTarget) -> Preview:
        return Preview(
            title=gettext("Drop all tables to %(target)s") % {"target": target},
            consequences=[
                gettext("Files of rows that changed are written, and then the manifest. Others stay as they are."),
            ],
        )

    def run(self, target: DropTarget) -> Response:
        job = start_drop(target, by=self.user, at=timezone.now())
        wake(self.request)
        return self.go(job)


@admin.register(DropTarget)
class DropTargetAdmin(SecretTargetAdmin):
    secret_name = "secret_key"  # noqa: S105  the name of a field
    seller_paths = ("seller",)
    allows = ("add", "change")  # its files stay in their place; a target is disabled instead
    form = DropTargetForm
    list_display = ("name", "seller_shown", "kind", "format", "hour", "is_enabled", "last_drop", "last_drop_at")
    list_filter = ("kind", "is_enabled", "seller")
    list_select_related = ("seller",)
    fixed_fields = ("name", "seller", "kind", "path", "endpoint", "region", "bucket")
    readonly_fields = ("last_drops",)
    actions_detail = ("drop_now",)
    empty_text = _("Add a folder or bucket to get all lists and postings as Parquet or CSV files every night.")
    fieldsets = (
        (None, {"fields": ("name", "seller", "kind", "path", "format", "hour", "is_enabled", "last_drops")}),
        (_("Bucket"), {"fields": ("endpoint", "region", "bucket", "access_key", "secret_key")}),
    )

    drop_now = DropNow.as_action()

    seller_shown = column(_("Seller"), lambda target: target.seller or gettext("all sellers"))

    def prepare_rows(self, request: HttpRequest, rows: Sequence[DropTarget]) -> None:
        drops = Job.objects.filter(kind=JobKind.DATA_DROP, parameters__target__in=[row.pk for row in rows])
        latest = drops.order_by("parameters__target", "-pk").distinct("parameters__target")
        last = {job.parameters["target"]: job for job in latest}
        for row in rows:
            row.drop = last.get(row.pk)  # type: ignore[attr-defined]

    last_drop_at = column(_("Begun"), lambda target: target.drop and target.drop.created_at)

    @display(description=_("Last drop"), label=COLORS)
    def last_drop(self, target: Any) -> tuple[str, str]:
        if target.drop is None:
            return "none", gettext("none")
        return target.drop.state, target.drop.get_state_display()

    @display(description=_("Last drops"))
    def last_drops(self, target: DropTarget) -> str:
        if target.pk is None:
            return gettext("none")
        drops = Job.objects.filter(kind=JobKind.DATA_DROP, parameters__target=target.pk).order_by("-pk")[:LAST_DROPS]
        lines = ((page_url(job), f"{job.created_at:%Y-%m-%d %H:%M} UTC", _outcome(job)) for job in drops)
        shown = format_html_join("", '<div><a class="text-link" href="{}">{}</a>: {}</div>', lines)
        return shown or gettext("none")


def _outcome(job: Job) -> str:
    """Return a drop's state, with its first error or the number of files that it wrote."""
    state = str(job.get_state_display())
    if job.state == JobState.FAILED:
        failed = JobItem.objects.filter(job=job, state=ItemState.FAILED).order_by("number").first()
        return f"{state}. {failed.error if failed else job.error}"
    if job.state == JobState.DONE:
        written = job.figures.get("files written", 0)
        return gettext("%(state)s, %(count)s files written") % {"state": state, "count": format_number(written)}
    return state
