"""Sign-in, passwords, and the e-mails for invitations and password resets."""
