from billing.models.alerts import Alert, Guardrail, Look, Watch
from billing.models.clones import Clone
from billing.models.commitments import CouponLine, OwnCommitment, Redemption, Settlement
from billing.models.corrections import Correction
from billing.models.costs import CountedCost
from billing.models.drawdowns import Draw
from billing.models.dunning import DunnedSubscription
from billing.models.included_credits import PeriodGrant
from billing.models.jobs import Job, JobItem, JobPart
from billing.models.pauses import Pause
from billing.models.periods import Period
from billing.models.plan_changes import Rollout, ScheduledChange, VersionToCome
from billing.models.plan_migrations import Migration, Move
from billing.models.price_overrides import Override, SpendCap
from billing.models.quantities import Holding
from billing.models.reservations import Reservation
from billing.models.simulations import SimulationResult
from billing.models.subscriptions import Coverage, Subscription
from billing.models.threshold_checks import ProgressLook
from billing.models.usage import (
    BilledUsage,
    Counter,
    Event,
    Hour,
    Level,
    Member,
    Rollup,
    Series,
    Tally,
    UnbilledUsage,
)

__all__ = [
    "Alert",
    "BilledUsage",
    "Clone",
    "Correction",
    "CountedCost",
    "Counter",
    "CouponLine",
    "Coverage",
    "Draw",
    "DunnedSubscription",
    "Event",
    "Guardrail",
    "Holding",
    "Hour",
    "Job",
    "JobItem",
    "JobPart",
    "Level",
    "Look",
    "Member",
    "Migration",
    "Move",
    "Override",
    "OwnCommitment",
    "Pause",
    "Period",
    "PeriodGrant",
    "ProgressLook",
    "Redemption",
    "Reservation",
    "Rollout",
    "Rollup",
    "ScheduledChange",
    "Series",
    "Settlement",
    "SimulationResult",
    "SpendCap",
    "Subscription",
    "Tally",
    "UnbilledUsage",
    "VersionToCome",
    "Watch",
]
