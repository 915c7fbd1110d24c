"""Give money back: by what took it, or by hand. docs/payments.md#refunds."""
