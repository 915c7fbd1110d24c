"""Who comes into the portal: links that are good once, mails that bring them, sessions, and forgetting all of it."""
