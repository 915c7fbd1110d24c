"""The scheduled tasks of beat, with their last runs. The schedule is defined in config/schedule.py."""

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as plain  # registers the models that are unregistered below
from django_celery_beat.models import PeriodicTask

from lib.admin import StaffAdmin
from lib.admin.columns import column
from lib.admin.seller_restriction import OF_ALL_SELLERS

for model in (
    PeriodicTask,
    plain.IntervalSchedule,
    plain.CrontabSchedule,
    plain.SolarSchedule,
    plain.ClockedSchedule,
):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(StaffAdmin):
    """A task can be switched off and on; beat resets all other fields when it starts."""

    seller_paths = OF_ALL_SELLERS
    allows = ("change",)
    list_display = ("name", "task", "every", "enabled", "last_run_at")
    list_select_related = ("interval", "crontab")
    search_fields = ("name", "task")
    ordering = ("name",)
    fields = ("name", "task", "every", "last_run_at", "total_run_count", "enabled")
    readonly_fields = ("name", "task", "every", "last_run_at", "total_run_count")

    every = column(_("Schedule"), lambda task: str(task.interval or task.crontab or gettext("once")))
