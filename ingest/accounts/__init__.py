"""Signing in, passwords and the e-mails that carry invitations and resets."""
