"""Return money through the provider that collected it, or by hand: docs/payments.md#refunds."""
