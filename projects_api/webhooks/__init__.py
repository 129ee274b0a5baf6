"""Webhooks: where events may be sent, how they are signed, and their sending."""
