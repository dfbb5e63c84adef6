"""Workers: how is one pass carried out, and what is due?

Lives here, one folder per subject:
    job          one pass from claim to stored result: run_pass, context, provider call, retry policy, finish, leases
    passes       the three readings: specs, prompts, answer schema, anchoring of quotes, calibration of confidence
    providers    Claude, the local engine, the ensemble of both, the prompt cache gate, batches and prices
    injection    prompt-injection detection in essays, decoding of hidden text, the leak filter for model answers
    text         one reading of an essay: clean text, blocks and spans, sentences and words, invisible characters
    revisions    comparing two drafts, carrying comments over
    privacy      masking of names and contact details, pseudonyms
    deliveries   leased rows that lead to somebody else's address: webhooks to endpoints, and e-mails about them
    duties       one function for each thing that the clock does regularly
    backups      dumps, base backups and the archived log: made, verified, restored
    files        writing files that a crash of the machine does not take back
    commands     command-line tools for operators
May not: know Flask, requests or tokens, or change a row other than through a function of `models`.
Start with: `job/run_pass` (one pass from start to end), `boot` (how a worker process starts), `clock` (which duty runs when).
Run: `python -m workers run`, `python -m workers clock`, and the operators' tools that
`python -m workers --help` lists.
"""
