"""
Print the amounts of the demo's invoices, to compare two releases: `python -m tests.demo.figures DATABASE_URL`.

One line of text for each invoice, credit note, line and wallet, with names and amounts only. It has no ids and no
wording, so two outputs differ only if an amount does. Seed both releases with `manage.py demo --no-serve --at` of the
same time.
"""

import sys

import psycopg

INVOICES = """
SELECT 'invoice', i.kind, i.number, i.state, s.code, c.external_id, i.issue_date, i.due_date, i.currency, i.net,
    i.tax,
    i.total, i.paid, i.credited
FROM invoices_invoice i JOIN customers_customer c ON c.id = i.customer_id JOIN customers_seller s
    ON s.id = i.seller_id
ORDER BY s.code, i.kind, i.number, c.external_id, i.total
"""
LINES = """
SELECT 'line', i.number, c.external_id, l.position, l.kind, l.service_start, l.service_end, l.quantity, l.unit,
    l.amount,
    l.tax_rate
FROM invoices_line l JOIN invoices_invoice i ON i.id = l.invoice_id JOIN customers_customer c ON c.id = i.customer_id
ORDER BY i.number, c.external_id, l.position
"""
WALLETS = """
SELECT 'wallet', c.external_id, w.name, w.unit, w.currency, w.balance, w.debt, w.moves
FROM wallets_wallet w JOIN customers_customer c ON c.id = w.customer_id ORDER BY c.external_id, w.name
"""


def main(url: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in (INVOICES, LINES, WALLETS):
            for row in connection.execute(statement):
                print(*("" if field is None else field for field in row), sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
