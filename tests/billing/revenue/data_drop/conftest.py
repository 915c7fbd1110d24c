import pytest

from billing.revenue.data_drop import tables


@pytest.fixture(autouse=True)
def drop_directory(settings, tmp_path):
    """Return the directory that folders lie below."""
    settings.DROP_DIRECTORY = str(tmp_path / "drops")
    (tmp_path / "drops").mkdir()
    return tmp_path / "drops"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Cut tables into several parts although tests have few rows."""
    monkeypatch.setattr(tables, "IDS_PER_PART", 10)


@pytest.fixture(autouse=True)
def allow_localhost(settings):
    """Allow requests to this machine, where the S3-compatible servers run."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]
