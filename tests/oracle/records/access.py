"""Check that live and sandbox customers, test clocks and keys are kept apart."""

from billing.audit.check import Check

_SANDBOX_MISMATCHES = """
    SELECT s.id AS subscription_id, s.sandbox FROM billing_subscription s
    JOIN customers_customer c ON c.id = s.customer_id WHERE c.sandbox <> s.sandbox
"""

_STRANGERS = """
    SELECT d.id AS delivery_id, d.target FROM customers_delivery d
    JOIN customers_notification n ON n.id = d.notification_id LEFT JOIN customers_customer c ON c.id = n.customer_id
    LEFT JOIN customers_webhookendpoint e ON e.id = d.endpoint_id
    LEFT JOIN customers_contact k ON k.id = d.contact_id
    WHERE d.endpoint_id IS NOT NULL AND (d.target <> 'endpoint:' || d.endpoint_id OR e.sandbox <> c.sandbox)
        OR d.contact_id IS NOT NULL AND (d.target <> 'contact:' || d.contact_id OR k.customer_id <> n.customer_id)
        OR d.staff_id IS NOT NULL AND d.target <> 'staff:' || d.staff_id
        OR d.endpoint_id IS NULL AND c.sandbox
"""

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

_KEYS = """
    SELECT id, prefix FROM customers_apikey
    WHERE secret_sha256 !~ '^[0-9a-f]{64}$'
        OR prefix !~ (CASE WHEN sandbox THEN '^tb_test_' ELSE '^tb_live_' END || '[0-9a-z]{8}$')
        OR cardinality(scopes) = 0
        OR NOT scopes::text[] <@ ARRAY['ingest', 'read', 'manage', 'revenue:read', 'revenue:manage']
"""

_ANSWERS = """
    SELECT id, key FROM customers_idempotentrequest
    WHERE status IS NULL OR status NOT BETWEEN 200 AND 299 OR request_sha256 !~ '^[0-9a-f]{64}$' OR key = ''
"""

CHECKS = (
    Check("subscriptions_match_their_customers_sandbox_flag", "A1", _SANDBOX_MISMATCHES),
    Check("deliveries_belong_to_their_customer", "A1", _STRANGERS),
    Check("nothing_happens_before_the_test_clocks_time", "K1", _AHEAD),
    Check("test_clocks_have_their_own_number_series", "K2", _NUMBERED),
    Check("api_keys_are_hashed_and_well_formed", "A3", _KEYS),
    Check("repeated_requests_have_a_complete_response", "I5", _ANSWERS),
)
