import pytest

from tests.billing.revenue.adapters.fake_targets import FakeHubSpot, FakeXero, running


@pytest.fixture(autouse=True)
def allow_localhost(settings) -> None:
    """Allow requests to this machine, where the fake targets run."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]


@pytest.fixture
def hubspot():
    with running(FakeHubSpot()) as fake:
        yield fake


@pytest.fixture
def xero():
    with running(FakeXero()) as fake:
        yield fake
