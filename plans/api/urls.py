from django.urls import path

from plans.api.comparison import ComparisonView
from plans.api.coupons import Coupons
from plans.api.features import Features
from plans.api.packs import Packs
from plans.api.preview import PreviewView
from plans.api.price_list import PriceListView
from plans.api.pricing import PricingView
from plans.api.views import Plans, Versions

urlpatterns = [
    path("coupons", Coupons.route("list_all"), name="coupons"),
    path("coupons/<str:coupon>", Coupons.route("read"), name="coupon"),
    path("features", Features.route("list_all"), name="features"),
    path("features/<str:feature>", Features.route("read"), name="feature"),
    path("packs", Packs.route("list_all"), name="packs"),
    path("packs/<str:pack>", Packs.route("read"), name="pack"),
    path("plans", Plans.route("list_all"), name="plans"),
    path("plans/<str:plan>", Plans.route("read"), name="plan"),
    path("plans/<str:plan>/versions", Versions.route("list_all"), name="plan_versions"),
    path("plans/<str:plan>/versions/<int:number>", Versions.route("read"), name="plan_version"),
    path("plans/<str:plan>/versions/<int:number>/diff", ComparisonView.route("compare"), name="plan_version_diff"),
    path(
        "plans/<str:plan>/versions/<int:number>/price-list",
        PriceListView.route("export", "import_list"),
        name="plan_price_list",
    ),
    path("plans/<str:plan>/preview", PreviewView.route("preview"), name="plan_preview"),
    path("pricing", PricingView.route("read"), name="pricing"),
]
