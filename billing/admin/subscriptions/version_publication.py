"""Publishing, withdrawing and copying a version, each with a page that shows its consequences first."""

from contextlib import suppress
from datetime import datetime, timedelta

from django import forms
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from access.admin.approvable_action import ApprovableAction
from billing.admin.subscriptions.rollout_audience import AudienceForm, DatedAudienceForm
from billing.models.subscriptions import RUNNING_STATES
from billing.subscriptions.plan_changes import rollouts
from billing.subscriptions.plan_changes.acts import PublishVersion
from billing.tasks import run_rollouts
from lib.admin import ConfirmedAction, Preview, Response
from lib.formats import format_number
from plans.admin.versions.comparison import count_differences
from plans.admin.versions.version_page import moment
from plans.models import PlanVersion
from plans.models.versions import VersionState
from plans.publishing import publication
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import find_simulation, missing_simulation
from plans.publishing.simulation_text import format_figures


class NoteForm(forms.Form):
    note = forms.CharField(
        label=_("Version note"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


class PublishAction(ApprovableAction[PlanVersion]):
    permission = "plans.publish_planversion"
    refusals = (publication.PublishingRefused,)
    is_dated = False

    def make_form(self, version: PlanVersion) -> forms.Form:
        self.advice = self.page.advice(version)
        form = DatedAudienceForm(self.posted) if self.is_dated else AudienceForm(self.posted)
        if self.advice:
            form.fields["acknowledged"] = forms.BooleanField(
                label=_("I have read the warnings of the plan check"), widget=UnfoldBooleanWidget
            )
        return form

    def preview(self, version: PlanVersion) -> Preview:
        now = timezone.now()
        return Preview(
            title=gettext("Publish %(version)s") % {"version": version},
            consequences=[
                *consequences_of(version, at=now + timedelta(seconds=1), is_dated=self.is_dated),
                gettext("A published version can't be edited. To change prices later, create a new version."),
                count_differences(version, at=now),
                *_simulation_sentences(version),
            ],
            problems=problems_of(version) or list(filter(None, [missing_simulation(version)])),
            warnings=self.advice,
            warnings_title=gettext("The plan check found:"),
        )

    def act(self, version: PlanVersion) -> PublishVersion:
        return PublishVersion(
            version_id=version.pk,
            audience=self.choices["audience"],
            effective_from=self.choices["effective_from"] if self.is_dated else None,
            subscription_ids=self.form.cohort_ids,
            splits_periods=self.form.splits_periods,
            acknowledged=self.advice,
        )

    def report(self, version: PlanVersion, published: PlanVersion) -> Response:
        with suppress(OperationalError):  # a worker that is not woken looks within a minute
            run_rollouts.delay()
        if published.state == VersionState.SCHEDULED:
            return self.done(gettext("%(version)s is scheduled.") % {"version": version})
        return self.done(gettext("%(version)s is active.") % {"version": version})


class PublishNow(PublishAction):
    label = verb = _("Publish now")
    icon = "bolt"


class PublishAt(PublishAction):
    label, icon, verb = _("Publish on a date"), "event", _("Schedule")
    is_dated = True


class CopyVersion(ConfirmedAction[PlanVersion]):
    label, icon, verb = _("New version"), "content_copy", _("Create draft")
    permission = "plans.add_planversion"
    form_class = NoteForm
    title = _("Create a new version from {}")
    consequences = (
        _("The draft starts with the fees, features, and prices of {}."),
        _("No prices change until the draft is published."),
    )

    def run(self, source: PlanVersion) -> Response:
        draft = publication.new_version(source=source, by=self.user, at=timezone.now(), **self.choices)
        text = gettext("%(draft)s is a draft copied from %(source)s.") % {"draft": draft, "source": source}
        return self.done(text, to=draft)


class WithdrawVersion(ConfirmedAction[PlanVersion]):
    label, icon, verb = _("Withdraw"), "undo", _("Withdraw version")
    permission = "plans.publish_planversion"
    refusals = (publication.PublishingRefused,)

    def preview(self, version: PlanVersion) -> Preview:
        return Preview(
            title=gettext("Withdraw %(version)s") % {"version": version},
            consequences=[
                gettext("%(version)s becomes a draft again and won't take effect on %(time)s.")
                % {"version": version, "time": moment(version.effective_from)},
                gettext("The version before it stays in force."),
            ],
        )

    def run(self, version: PlanVersion) -> Response:
        rollouts.withdraw(version=version, by=self.user, at=timezone.now())
        return self.done(gettext("%(version)s is a draft again.") % {"version": version})


def _simulation_sentences(version: PlanVersion) -> list[str]:
    """Return the result of the last simulation of exactly the version's content; empty if there is none."""
    simulation = find_simulation(version)
    if simulation is None:
        return []
    return [gettext("Simulated on past usage: %(figures)s.") % {"figures": format_figures(simulation)}]


def consequences_of(version: PlanVersion, *, at: datetime, is_dated: bool) -> list[str]:
    """Return the consequences of publishing, in sentences. is_dated: at a date, rather than now."""
    if is_dated:
        text = gettext("%(version)s takes effect on the date below; new subscriptions to %(plan)s get its prices.")
    else:
        text = gettext("%(version)s takes effect now; new subscriptions to %(plan)s get its prices.")
    sentences = [text % {"version": version, "plan": version.plan}]
    former = version.plan.versions.in_force(at).exclude(pk=version.pk).first()
    if former is not None:
        text = gettext("%(version)s, in force since %(time)s, ends then.")
        sentences.append(text % {"version": former, "time": moment(former.effective_from)})
    running = dict(
        PlanVersion.objects.filter(plan=version.plan, subscriptions__state__in=RUNNING_STATES)
        .annotate(running=Count("subscriptions"))
        .values_list("number", "running")
        .order_by("number")
    )
    if not running:
        return [*sentences, gettext("%(plan)s has no subscriptions yet.") % {"plan": version.plan}]
    total = sum(running.values())
    by_version = ", ".join(
        gettext("%(count)s on v%(number)s") % {"count": format_number(count), "number": number}
        for number, count in running.items()
    )
    text = ngettext(
        "%(count)s active subscription: %(versions)s. Choose below whether it moves.",
        "%(count)s active subscriptions: %(versions)s. Choose below which of them move.",
        total,
    )
    return [*sentences, text % {"count": format_number(total), "versions": by_version}]
