"""What past periods were billed and what their usage cost."""
