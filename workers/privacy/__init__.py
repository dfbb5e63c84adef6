"""Privacy: mask names and contact details before an essay goes to a remote provider (masking), with pseudonyms (pseudonyms)."""
