"""Check the sandbox: no event of a customer is later than its clock, and its invoices have their own numbers."""

from billing.audit.check import Check

_AHEAD = """
    SELECT c.id AS customer_id, t.now, 'document' AS what, i.id, i.issued_at AS at FROM customers_customer c
    JOIN customers_testclock t ON t.id = c.test_clock_id
    JOIN invoices_invoice i ON i.customer_id = c.id AND i.issued_at > t.now
    UNION ALL
    SELECT c.id, t.now, 'period', p.id, p.closed_at FROM customers_customer c
    JOIN customers_testclock t ON t.id = c.test_clock_id JOIN billing_subscription s ON s.customer_id = c.id
    JOIN billing_period p ON p.subscription_id = s.id AND p.closed_at > t.now
"""

_NUMBERED = """
    SELECT i.id AS invoice_id, i.customer_id, n.id AS series_id, n.test_clock_id, c.test_clock_id AS lives_by
    FROM invoices_invoice i JOIN invoices_numberseries n ON n.id = i.series_id
    JOIN customers_customer c ON c.id = i.customer_id WHERE n.test_clock_id IS DISTINCT FROM c.test_clock_id
"""

CHECKS = (
    Check("nothing_happens_before_its_clock_comes_to_it", "K1", _AHEAD),
    Check("each_clock_numbers_its_own_documents", "K2", _NUMBERED),
)
