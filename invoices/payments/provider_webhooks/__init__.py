"""Events that providers send us: verified, stored first, and processed once. docs/payments.md#events."""
