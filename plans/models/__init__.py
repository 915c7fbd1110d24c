from plans.models.billing_thresholds import BillingThreshold
from plans.models.catalog import CatalogRevision, Feature, Plan
from plans.models.commitments import Commitment
from plans.models.coupons import Coupon, Promotion
from plans.models.included_credits import IncludedCredits
from plans.models.meters import Meter, MeterReading
from plans.models.packs import BonusSlab, CreditPack, PackPrice
from plans.models.prices import Fee, PlanFeature, Price, Rate, Tier
from plans.models.promotion_codes import PromotionCode
from plans.models.publishing_rule import PublishingRule
from plans.models.required_simulations import RequiredSimulation
from plans.models.unit_costs import UnitCost
from plans.models.usage_limits import UsageLimit
from plans.models.versions import PlanVersion

__all__ = [
    "BillingThreshold",
    "BonusSlab",
    "CatalogRevision",
    "Commitment",
    "Coupon",
    "CreditPack",
    "Feature",
    "Fee",
    "IncludedCredits",
    "Meter",
    "MeterReading",
    "PackPrice",
    "Plan",
    "PlanFeature",
    "PlanVersion",
    "Price",
    "Promotion",
    "PromotionCode",
    "PublishingRule",
    "Rate",
    "RequiredSimulation",
    "Tier",
    "UnitCost",
    "UsageLimit",
]
