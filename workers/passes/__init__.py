"""The three readings of an essay: what each pass asks, which answers it allows, and how an answer becomes checked feedback.

Lives here:
    grammar, structure, content   the spec of each pass; its prompt is the .md file beside it, shared.md holds the common rules
    spec, registry                what a spec is, and all specs by name
    request, feedback             the types of what a pass is asked and of what it answers
    prompt, schema                the prompt of one call, and the answer schema built from the rubric
    answer                        from a model's answer to anchored plain text
    anchor, excerpt               quotes to offsets, the part of an essay that is sent
    calibration, logistic         confidence fitted to what reviewers decided
May not: hold a vendor's client, use the database, or retry. `providers` imports `passes`, never the other way round.
Start with: `registry.SPECS`, `prompt.build`, `schema.answer_model`, `answer.read`, `anchor.anchor`.
"""
