import pytest


@pytest.fixture(autouse=True)
def allow_localhost(settings) -> None:
    """
    Allow requests to this machine, where the receivers of tests run; private hosts are refused unless they are
    configured.
    """
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]
