"""Access to the portal: links that work once, their emails, sessions, and the deletion of old records."""
