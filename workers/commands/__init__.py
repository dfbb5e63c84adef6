"""Command-line tools for operators: `python -m workers COMMAND`. Each has `add_arguments` and `run`.

Lives here:
    audit, audit_chain   verify the audit trail (`audit`)
    keys                 rotate the master keys, back up and restore people's keys (`keys`)
    calibrate            fit confidence to reviewers' decisions (`calibrate`)
    compare              compare another model or prompt on reviewed comments (`compare`)
    failed_passes        list, replay or discard passes that ended without a result (`given-up`)
"""
