"""The local provider: grammar, structure and content feedback with no key, no network and no model.

Lives here: two rule engines behind one `Flag`, our own rules for structure and content, and the confidence table.
May not: know the database, the queue or a vendor. Door: `provider.LocalProvider`.
"""
