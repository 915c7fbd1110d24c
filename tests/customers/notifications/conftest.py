import pytest


@pytest.fixture(autouse=True)
def this_machine_may_be_told(settings) -> None:
    """Receivers of tests are on this machine, which nobody may be sent to unless it is named so."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]
