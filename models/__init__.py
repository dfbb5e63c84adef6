"""Models: what is true, and in which words?

Lives here: the tables, the functions that read and change their rows, sessions with an identity, encryption, and the names
of jobs. A function here opens no session and commits nothing; routes, actors and commands open `models.db.session`.
May not: know HTTP, prompts or Prometheus, or import another room.
Start with: `db` (one session, one identity), `essays` (how a version is stored), `passes` (the states of a job), `crypto`.

Sessions and connections
    db                  connection pool, `session`, and the functions that execute SQL
    tables              one Peewee class for each table
    constraints         from a violated constraint to a domain error
    statement_watchdog  cuts the connection of a statement that gets no answer
    errors              all domain errors
    settings            environment variables
    secret_settings     secrets from the environment, a file or a command
    setting_catalogue   every variable that the programs read
    settings_report     what a program would use, without its secrets
    check_settings      the command that asks every program for it
    log                 structured logs
    security_events     security events, one JSON line each, and their closed list
    security_sinks      where those lines go: standard error, a file, a syslog server
    security_syslog     the syslog server
Encryption
    crypto              master keys, data keys, associated data, blind indexes
    keys                re-encryption and backup of what the master keys encrypt
People and rights
    orgs                orgs, their settings and categories
    org_removal         an org that is closed, exported and removed
    users               people and their data keys
    sessions            sign-in and refresh tokens
    second_factors      codes of an authenticator app, and recovery codes
    passkeys            passkeys, which stand beside those codes
    sign_in_providers   where a school's people sign in with its accounts
    fair_slots          slots that callers share fairly
    passwords           password hashes and password rules
    one_time_tokens     invitations and password resets
    roster              import of a roster
    roster_rows         a roster as it was read, its faults and warnings
    roster_identities   which rows and people are one person
    roster_zeros        ids that lost their leading zeros
    roster_plan         what a roster would change
    roster_existing     what a roster names and exists already
    rights              export and erasure of a person's data
    exported_columns    what that export holds
    audit               the audit trail and its hash chain
Writing
    courses             courses, enrolments, assignments, rubrics
    essays              essays and their versions
    submission_counts   versions handed in per day
    essay_filters       which essays a list holds, and in which order
    people_of_course    the names of the people around an essay
    rubric_previews     a rubric tried on a teacher's own texts
Job state
    jobs                names of passes, tables and queues, the hints
    broker              Redis, which carries the hints
    hint_queue          one queue in Redis: fetch, drop what is no hint, return the hints of dead workers
    redis_users         the users of Redis and their rights
    redis_refusals      why a Redis that answers does not serve
    queue               which pass runs next, and the queue position
    passes              claim, renew, finish, fail, give up
    leased_rows         claim, renew, put off and end other rows that workers carry out
    failed_passes       given-up passes: list, replay, discard
    reruns              done passes that people run again
    circuit_breaker     pauses calls to a provider that fails
    files               the files that students hand in
    essay_trace         the life of one submission, for an operator
    ai_responses        one row for each call to a provider
    ledger              spending and monthly budgets
Feedback
    feedback            comments and criterion results
    rubric_totals       points of a version, added up by code
    lineage             comments across the drafts of an essay
    releases            release of held feedback
    reviews             decisions of educators, reactions of students
    review_queue        comments that wait for a decision, and those that students disagree with
    review_counts       counts of those decisions, for calibration and model comparison
    own_comments        an educator's own comments
    saved_comments      comments that an educator saves for later essays
Reports
    report_views        the materialized views that reports read: their age and their refresh
    report_figures      the figures of reports, as the acting role may read them
    reports             which reports were asked for
    spreadsheets        cells that no spreadsheet program takes for a formula
Connections to LMSs
    connections         API keys and sources, as an admin sees and changes them
    callers             who calls: the owner of a key, the source of a delivery
    api_key_text        the text of a key and its digest
    webhook_secret      secrets with which webhooks are signed
    platforms           LMSs that open our pages (LTI 1.3): invited, approved, switched off
    platform_courses    where a platform lists the people of a course
    platform_assignments  where a platform takes the scores of an assignment
    asset_activities    assignments of a platform's own to which EssayCoach is attached
    asset_arrivals      hand-ins of which a platform's notices tell
    notice_handlers     where platforms send their notices
    lms_people          whom a platform means by its own id of a person
    lti_keys            our own keys, with which platforms check what we send
    identifiers         one form for the ids of other systems
    lms_assignments     assignments that an LMS names by its own ids
    events              idempotency keys, webhook deliveries, what people do, stored log lines
    deliveries          stored deliveries for the admin, and their replay
    moodle_sites        Moodle sites that are asked what was handed in
    site_access         what a worker needs to ask either, and the tokens of both
    canvas_sites        Canvas sites that tell by events what was handed in
    arrivals            hand-ins that an LMS says are there: each version is fetched once
    returns             what goes back to an LMS about a version
    lms_status          how the exchange with an LMS goes
    endpoints           endpoints that hear of events, and their secrets
    endpoint_deliveries what is sent to them
Operations
    retention           how long an org keeps what, and the deletion of what is older
    holds               legal holds on people
    approvals           what one admin asks for and another approves
    upkeep              partitions, running totals, deletion of old rows
    heartbeats          each process says every ten seconds that it lives, and whether it gets on
    version             which version of the code runs
    duty_runs           the last run of each duty, backup and drill, and who carries one out now
    partitions          months of partitioned tables that nobody needs
    vacuum              tables that want VACUUM or ANALYZE
    index_report        unused, duplicate, invalid, missing and bloated indexes
    data_audit          rows that contradict each other, and orphans
    text_audit          the part of that audit that needs the keys
"""
