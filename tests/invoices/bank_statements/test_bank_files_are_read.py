"""Files of several banks become exact lines; a file that can't be read says where and why."""

from datetime import date
from decimal import Decimal as D

import pytest

from invoices.payments.bank_files import BankFileRefused, read_bank_file
from invoices.payments.bank_files.csv_file import CsvColumns, DateOrder, DecimalMark

SPARKASSE = """:20:STARTUMSE
:25:50010517/0532013000
:28C:00042/001
:60F:C260303EUR2500,00
:61:2603040304CR119,00NTRFNONREF//2026030412345678
:86:166?00GUTSCHR. UEBERWEISUNG?109248?20EREF+R-2026-77?21SVWZ+Rechnung INV-0003?2267 vo
m 1. Maerz?30COBADEFFXXX?31DE89370400440532013000?32Mueller Maschinenbau GmbH
?33 & Co. KG?34997
:61:2603050304DR12,50NMSCNONREF
:86:808?00ENTGELT?20Kontofuehrung
:62F:C260304EUR2606,50
-
"""
ABN = """{1:F01ABNANL2AXXX0000000000}{2:I940ABNANL2AXXXN}{4:
:20:ABN AMRO BANK NV
:25:NL91ABNA0417164300
:28:06301/1
:60F:D260303EUR10,5
:61:2603040304C1000,NTRFEREF//0000123
:86:/TRCD/100/EREF/E-99/IBAN/NL44RABO0123456789/BIC/RABONL2U/NAME/WINDMERE B.V./REMI/INV 12 thanks/
:62F:C260304EUR989,50
-}
"""
BATCH = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr/><Stmt><Id>7</Id>
<Acct><Id><Othr><Id>12345</Id></Othr></Id><Ccy>CHF</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>PRCD</Cd></CdOrPrtry></Tp><Amt Ccy="CHF">10.00</Amt><CdtDbtInd>DBIT</CdtDbtInd></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="CHF">290.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
<Ntry><Amt Ccy="CHF">300.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-04</Dt></BookgDt>
<ValDt><DtTm>2026-03-05T00:00:00</DtTm></ValDt><AcctSvcrRef>BATCH9</AcctSvcrRef><NtryDtls>
<TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs>
<AmtDtls><TxAmt><Amt Ccy="CHF">100.00</Amt></TxAmt></AmtDtls>
<RltdPties><Dbtr><Nm>Anna &amp; Co</Nm></Dbtr>
<DbtrAcct><Id><IBAN>CH93 0076 2011 6238 5295 7</IBAN></Id></DbtrAcct></RltdPties>
<RmtInf><Strd><CdtrRefInf><Ref>210000000003139471430009017</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>
<TxDtls><Refs><AcctSvcrRef>OWN2</AcctSvcrRef></Refs>
<AmtDtls><TxAmt><Amt Ccy="CHF">{second}</Amt></TxAmt></AmtDtls>
<RmtInf><Ustrd>INV-8</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"""
COLUMNS = CsvColumns(
    date="Buchungstag",
    amount="Betrag",
    currency="Waehrung",
    payer="Auftraggeber",
    payer_account="IBAN",
    text="Verwendungszweck",
)
CSV = (
    "Umsätze;Konto 532013000\r\n\r\n"
    "Buchungstag;Auftraggeber;IBAN;Verwendungszweck;Betrag;Waehrung\r\n"
    '04.03.26;"Müller; Söhne";DE89 3704 0044 0532 0130 00;"Rechnung ""INV-00001""";1.119,00;EUR\r\n'
    "05.03.2026;Bank;;Entgelt;-2,5;EUR\r\n"
)


def only_statement(content, **options):
    ((statement,), _format) = reversed(read_bank_file(content, **options))
    return statement


def test_mt940_of_a_german_bank():
    statement = only_statement(SPARKASSE.encode())

    received, fee = statement.lines
    assert (statement.account, statement.opening, statement.closing) == (
        "50010517/0532013000",
        D("2500.00"),
        D("2606.50"),
    )
    assert (received.amount, received.value_date, received.payer_name) == (
        D("119.00"),
        date(2026, 3, 4),
        "Mueller Maschinenbau GmbH & Co. KG",
    )
    assert received.text == "Rechnung INV-000367 vom 1. Maerz"
    assert (received.payer_account, received.end_to_end_id) == ("DE89370400440532013000", "R-2026-77")
    assert received.bank_reference == "2026030412345678"
    assert (fee.amount, fee.value_date, fee.booking_date, fee.bank_reference) == (
        D("-12.50"),
        date(2026, 3, 5),
        date(2026, 3, 4),
        "",
    )


def test_mt940_of_a_dutch_bank():
    statement = only_statement(ABN.encode("cp1252"))

    (line,) = statement.lines
    assert (line.amount, line.payer_name, line.payer_account) == (D(1000), "WINDMERE B.V.", "NL44RABO0123456789")
    assert (line.text, line.end_to_end_id, line.bank_reference) == ("INV 12 thanks", "E-99", "0000123")


@pytest.mark.parametrize(("mark", "amount"), [("RC", "-119.00"), ("RD", "119.00")])
def test_reversals_of_mt940_change_the_side(mark, amount):
    closing = D(2500) + D(amount) - D("12.5")
    content = SPARKASSE.replace("0304CR", f"0304{mark}R").replace("2606,50", f"{closing}".replace(".", ","))

    line = only_statement(content.encode()).lines[0]

    assert (line.amount, line.is_reversal) == (D(amount), True)


def test_a_batch_of_camt053_becomes_its_transactions():
    statement = only_statement(BATCH.format(second="200.00").encode())

    first, second = statement.lines
    assert (statement.account, statement.currency, statement.opening) == ("12345", "CHF", D("-10.00"))
    assert (first.amount, first.payer_name, first.payer_account) == (D(100), "Anna & Co", "CH9300762011623852957")
    assert (first.text, first.end_to_end_id, first.bank_reference) == (
        "210000000003139471430009017",
        "E1",
        "BATCH9/1",
    )
    assert (second.amount, second.text, second.bank_reference) == (D(200), "INV-8", "OWN2")
    assert (first.value_date, first.booking_date) == (date(2026, 3, 5), date(2026, 3, 4))


def test_a_batch_with_charges_is_one_line():
    (line,) = only_statement(BATCH.format(second="199.00").encode()).lines

    assert (line.amount, line.text) == (D(300), "210000000003139471430009017 INV-8")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_csv_in_each_encoding(encoding):
    statement = only_statement(CSV.encode(encoding), account="de02 1203 0000", columns=COLUMNS)

    first, second = statement.lines
    assert (statement.account, statement.opening) == ("DE0212030000", None)
    assert (first.amount, first.payer_name, first.text) == (D("1119.00"), "Müller; Söhne", 'Rechnung "INV-00001"')
    assert (first.value_date, first.payer_account) == (date(2026, 3, 4), "DE89370400440532013000")
    assert (second.amount, second.value_date) == (D("-2.5"), date(2026, 3, 5))


def test_csv_with_decimal_points_and_american_dates():
    columns = CsvColumns(
        date="Date",
        amount="Amount",
        default_currency="USD",
        date_order=DateOrder.MONTH_FIRST,
        decimal_mark=DecimalMark.POINT,
    )
    (line,) = only_statement(b'Date,Amount\n03/04/2026,"1,234.50"\n', account="1", columns=columns).lines
    assert (line.value_date, line.amount, line.currency) == (date(2026, 3, 4), D("1234.50"), "USD")


ENTITY = (
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Document><BkToCstmrStmt>&b;</BkToCstmrStmt></Document>'
)
REFUSED = [
    # content                                                     reason
    (SPARKASSE.replace("2606,50", "2606,51").encode(), r"closing balance is 2606.51 EUR, but .* sum to 2606.50 EUR"),
    (SPARKASSE.replace(":61:2603050304DR12", ":61:26oops").encode(), "Line 9: the movement :61: can't be read"),
    (
        SPARKASSE.replace("260304CR119", "261304CR119").replace("2603040304C", "2613040304C").encode(),
        "Line 5: “261304”",
    ),
    (SPARKASSE.replace(":25:50010517/0532013000\n", "").encode(), "Line 1: the statement has no field :25:"),
    (SPARKASSE.replace("EUR", "XYZ").encode(), "“XYZ” is not a currency"),
    (SPARKASSE.replace("119,00", "119,001").encode(), "119.001 has too many decimal places for EUR"),
    (BATCH.format(second="x").encode(), "Line 14, TxAmt: Amt is “x”, not a number"),
    (
        BATCH.replace("<Sts>BOOK", "<Sts>PDNG").format(second="1").encode(),
        "Line 6, Ntry: the entry is not booked yet",
    ),
    (BATCH.replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn").encode(), "“BkToCstmrDbtCdtNtfctn”, not a CAMT.053"),
    (BATCH.format(second="200.00").replace("290.00", "291.00").encode(), "is 291.00 CHF"),
    (BATCH[:300].encode(), "not well-formed XML"),
    (ENTITY, "document type"),
    (ENTITY.decode().encode("utf-16"), "document type"),
    (b"a;b\n1;2\n", "enter the bank account"),
    (b"", "enter the bank account"),
]


@pytest.mark.parametrize(("content", "reason"), REFUSED, ids=[reason for _content, reason in REFUSED])
def test_a_wrong_file_is_refused_with_its_place(content, reason):
    with pytest.raises(BankFileRefused, match=reason):
        read_bank_file(content)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("Betrag;", "Summe;", "no column is named “Betrag”"),
        ("1.119,00", "1119.00", "Line 4: “1119.00” is not an amount with a decimal comma"),
        ("04.03.26", "2026-03-04", "Line 4: “2026-03-04” is not a date in the chosen order"),
        ("Bank;;", "Bank;\x00", "CSV|date|amount"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(before, after, reason):
    with pytest.raises(BankFileRefused, match=reason):
        read_bank_file(CSV.replace(before, after).encode(), account="1", columns=COLUMNS)


def test_expanding_entities_stay_small():
    levels = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
    bomb = f'<!DOCTYPE a [<!ENTITY l0 "lol">{levels}]><Document><BkToCstmrStmt>&l12;</BkToCstmrStmt></Document>'
    with pytest.raises(BankFileRefused):
        read_bank_file(bomb.encode())
