"""Breakage report: revenue from prepaid value that is never used, on a page and as a CSV file."""

from tests.wallets.test_breakage_is_recognized import spend_and_expire, wallet  # noqa: F401


def test_finance_reads_the_report_and_downloads_it_as_csv(wallet, member):  # noqa: F811
    spend_and_expire(wallet)
    client = member("finance")
    text = client.get("/admin/wallets/wallet/breakage/").content.decode()
    assert "in proportion to use, 10% expected" in text
    assert '<td class="n">$2.70</td>' in text
    table = client.get("/admin/wallets/wallet/breakage/?format=csv").content.decode().splitlines()
    assert table[0] == "seller,month,currency,granted,used,expired,recognized,deferred"
    assert table[3] == "acme,2026-03,USD,0,0,16.2,9,0"
