"""The pricing table shows the public plans by the prices that bill, and announces the scheduled ones."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from customers.models import Seller
from plans.models import Feature, Plan, PlanFeature
from tests.builders import fee, make_plan, make_seller, offer, publish, rate
