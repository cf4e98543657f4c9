"""The audit: what is decided, what is not, what would decide it."""
