from django.urls import path

from plans.api.comparison import ComparisonView
from plans.api.coupons import CouponsView, CouponView
from plans.api.features import FeaturesView, FeatureView
from plans.api.packs import PacksView, PackView
from plans.api.preview import PreviewView
from plans.api.price_list import PriceListView
from plans.api.views import PlansView, PlanView, VersionsView, VersionView

urlpatterns = [
    path("coupons", CouponsView.as_view(), name="coupons"),
    path("coupons/<str:coupon>", CouponView.as_view(), name="coupon"),
    path("features", FeaturesView.as_view(), name="features"),
    path("features/<str:feature>", FeatureView.as_view(), name="feature"),
    path("packs", PacksView.as_view(), name="packs"),
    path("packs/<str:pack>", PackView.as_view(), name="pack"),
    path("plans", PlansView.as_view(), name="plans"),
    path("plans/<str:plan>", PlanView.as_view(), name="plan"),
    path("plans/<str:plan>/versions", VersionsView.as_view(), name="plan_versions"),
    path("plans/<str:plan>/versions/<int:number>", VersionView.as_view(), name="plan_version"),
    path("plans/<str:plan>/versions/<int:number>/diff", ComparisonView.as_view(), name="plan_version_diff"),
    path("plans/<str:plan>/versions/<int:number>/price-list", PriceListView.as_view(), name="plan_price_list"),
    path("plans/<str:plan>/preview", PreviewView.as_view(), name="plan_preview"),
]
