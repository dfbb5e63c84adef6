"""What each reading of an essay asks, which answers it allows, and how an answer is turned into proven feedback.

Lives here: a spec and a prompt per pass, the answer schema, anchoring, the prompt's assembly. Never here: a vendor's
client, the database, retries. Doors: `spec.SPECS`, `prompt.build`, `schema.answer_model`, `answer.read`,
`anchor.anchor`.
"""
