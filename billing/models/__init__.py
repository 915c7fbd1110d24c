"""The tables of billing, one module per subject."""

from billing.models.accounting_files import (
    Account,
    AccountingTarget,
    AccountMapping,
    ExportBatch,
    ExportFile,
    ExportPart,
)
from billing.models.accruals import Accrual, AccruedAmount, OpeningBalance
from billing.models.adapters import SyncRecord, SyncTarget
from billing.models.alerts import Alert, AlertRule, ChangeCursor, PendingEvaluation
from billing.models.clones import Clone
from billing.models.commitments import Settlement, SubscriptionCommitment
from billing.models.corrections import Correction
from billing.models.costs import CountedCost
from billing.models.data_drop import DropPart, DropTarget
from billing.models.drawdowns import Drawdown
from billing.models.dunning import DunnedSubscription
from billing.models.event_removals import EventRemoval
from billing.models.included_credits import PeriodGrant
from billing.models.jobs import Job, JobItem, JobPart
from billing.models.mrr import RecurringRevenue
from billing.models.pauses import Pause
from billing.models.periods import Period
from billing.models.plan_changes import Rollout, ScheduledChange, UpcomingVersion
from billing.models.plan_migrations import MigrationItem, PlanMigration
from billing.models.postings import Posting, PostingSum
from billing.models.price_overrides import Override, SpendCap
from billing.models.quantities import SubscriptionQuantity
from billing.models.redemptions import CouponLine, Redemption
from billing.models.reservations import Reservation
from billing.models.simulations import SimulationResult
from billing.models.split_values import SplitValue
from billing.models.subscriptions import Coverage, Subscription
from billing.models.threshold_checks import ThresholdCheck
from billing.models.unmatched_usage import Dismissal, IgnoreRule, UnmatchedUsage
from billing.models.usage import (
    AggregateState,
    BilledUsage,
    Counter,
    DistinctValue,
    Event,
    HourlyUsage,
    LevelChange,
    MembershipStep,
    Rollup,
    Series,
)
from billing.models.usage_buckets import CapBucket, UsageBucket
from billing.models.voucher_usage import VoucherUsage

__all__ = [
    "Account",
    "AccountMapping",
    "AccountingTarget",
    "Accrual",
    "AccruedAmount",
    "AggregateState",
    "Alert",
    "AlertRule",
    "BilledUsage",
    "CapBucket",
    "ChangeCursor",
    "Clone",
    "Correction",
    "CountedCost",
    "Counter",
    "CouponLine",
    "Coverage",
    "Dismissal",
    "DistinctValue",
    "Drawdown",
    "DropPart",
    "DropTarget",
    "DunnedSubscription",
    "Event",
    "EventRemoval",
    "ExportBatch",
    "ExportFile",
    "ExportPart",
    "HourlyUsage",
    "IgnoreRule",
    "Job",
    "JobItem",
    "JobPart",
    "LevelChange",
    "MembershipStep",
    "MigrationItem",
    "OpeningBalance",
    "Override",
    "Pause",
    "PendingEvaluation",
    "Period",
    "PeriodGrant",
    "PlanMigration",
    "Posting",
    "PostingSum",
    "RecurringRevenue",
    "Redemption",
    "Reservation",
    "Rollout",
    "Rollup",
    "ScheduledChange",
    "Series",
    "Settlement",
    "SimulationResult",
    "SpendCap",
    "SplitValue",
    "Subscription",
    "SubscriptionCommitment",
    "SubscriptionQuantity",
    "SyncRecord",
    "SyncTarget",
    "ThresholdCheck",
    "UnmatchedUsage",
    "UpcomingVersion",
    "UsageBucket",
    "VoucherUsage",
]
