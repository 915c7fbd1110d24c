"""Go after what is not paid in time: docs/payments.md#dunning."""
