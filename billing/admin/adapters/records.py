"""Records on their way to a target, with their log."""

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.models import SyncRecord
from billing.models.adapters import SyncState
from billing.revenue.adapters.resend import resend
from lib.admin import Preview, ReadOnlyAdmin, Response, SelectionAction
from lib.admin.columns import column, display, state_column, text_column

COLORS = {"waiting": "info", "synced": "success", "failed": "warning", "refused": "danger"}
MAX_AT_ONCE = 500
"""Maximum records that one action sends again."""


class ResendRecords(SelectionAction[SyncRecord]):
    label, verb = _("Send selected records again"), _("Send again")
    permission = "billing.change_syncrecord"
    limit = MAX_AT_ONCE

    def preview(self, records: list[SyncRecord]) -> Preview:
        title = ngettext("Send %(count)s record again", "Send %(count)s records again", len(records))
        return Preview(
            title=title % {"count": f"{len(records):,}"},
            consequences=[
                gettext("The target gets their present content. A record that it has is updated, not created again.")
            ],
        )

    def run(self, records: list[SyncRecord]) -> Response:
        count = resend(record_ids=[record.pk for record in records], at=timezone.now())
        text = ngettext("%(count)s record is queued.", "%(count)s records are queued.", count)
        return self.done(text % {"count": f"{count:,}"})


@admin.register(SyncRecord)
class SyncRecordAdmin(ReadOnlyAdmin):
    seller_paths = ("target__seller",)
    list_display = ("record", "target_shown", "state_shown", "attempts", "next_at", "sent_at", "remote_id", "error")
    list_filter = ("state", "kind", "target")
    list_select_related = ("target__seller",)
    search_fields = ("remote_id",)
    search_help_text = _("Part of the ID in the target")
    actions = ("send_again",)
    empty_text = _("Each customer, subscription or invoice that is pushed to a target appears here with its outcome.")
    fields = (
        *("record", "target_shown", "remote_id", "state_in_words", "attempts", "next_at", "sent_at", "error"),
        "log_shown",
    )

    send_again = ResendRecords.as_action()

    record = column(_("Record"), str, ordering="row_id")
    target_shown = text_column("target", _("Target"))
    state_shown = state_column(COLORS)
    state_in_words = column(_("State"), lambda record: record.get_state_display())

    @display(description=_("Log"))
    def log_shown(self, record: SyncRecord) -> str:
        labels = dict(SyncState.choices)
        tries = (
            (entry["at"], labels.get(entry["state"], entry["state"]), entry["text"]) for entry in reversed(record.log)
        )
        return format_html_join("", "<div>{} · {}: {}</div>", tries)
