"""
The kinds of data that leave after some time, with their settings: docs/personal-data.md#retention lists the same.

The tasks that delete them are named in config/schedule.py.
"""

from dataclasses import dataclass

from django.conf import settings

from billing.privacy.event_removal import LEAST_DAYS_OF_EVENTS


@dataclass(frozen=True, slots=True)
class RetainedKind:
    """
    A kind of data, and how long it is kept.

    setting: of Django; the environment's variable has the same name after `TOLLBOOK_`. least: the smallest value that
    is allowed besides 0, which means permanently. unit: days or hours.
    """

    name: str
    setting: str
    least: int = 1
    unit: str = "days"

    @property
    def variable(self) -> str:
        return f"TOLLBOOK_{self.setting}"

    @property
    def kept(self) -> int:
        """Return the present value of the setting."""
        return int(getattr(settings, self.setting))

    @property
    def is_allowed(self) -> bool:
        return self.kept == 0 or self.kept >= self.least


KINDS = (
    RetainedKind("events", "EVENT_RETENTION_DAYS", least=LEAST_DAYS_OF_EVENTS),
    RetainedKind("history in the audit log", "HISTORY_RETENTION_DAYS"),
    RetainedKind("deliveries to webhook endpoints", "DELIVERY_RETENTION_DAYS"),
    RetainedKind("mails", "MAIL_RETENTION_DAYS"),
    RetainedKind("messages from payment providers", "PROVIDER_MESSAGE_RETENTION_DAYS"),
    RetainedKind("payers and purposes of bank lines", "BANK_LINE_RETENTION_DAYS"),
    RetainedKind("files and findings of jobs", "JOB_RETENTION_DAYS"),
    RetainedKind("results of simulations", "SIMULATION_RETENTION_DAYS"),
    RetainedKind("responses for Idempotency-Keys", "IDEMPOTENCY_RETENTION_HOURS", least=24, unit="hours"),
    RetainedKind("network addresses in the audit log", "ADDRESS_RETENTION_DAYS"),
    RetainedKind("customers whose last subscription has ended", "CUSTOMER_RETENTION_DAYS"),
)
