"""What providers tell us of their own accord: verified, stored first, and followed once. docs/payments.md#events."""
