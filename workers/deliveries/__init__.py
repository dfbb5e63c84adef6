"""Deliveries: how is a leased row carried out that leads to somebody else's address?

Lives here: the runner of leased rows (models/leased_rows.py), when one is tried again, and the work of each table.
May not: hold a connection to the database during a call, or call an address other than through `outgoing`.
Start with: `runner` (one hint from start to end), `endpoints` (one delivery to an endpoint of a school).

    runner        claims the rows of a lane one after the other and has each carried out
    retry_policy  how long a row waits before it is tried again
    endpoints     deliveries to endpoints: sign, send, record what was answered
    moodle_sites  looks at a Moodle site: what was handed in that we do not know yet?
    arrivals      fetch a hand-in, each kind of source its own way (fetching), and store it as a version
    hand_in_text  which text of a hand-in is the essay
    returns       what goes back about a version, each channel its own way (sending); return_text has the words
    ending        stores what came of a row that an LMS must answer for
    moodle_arrivals, moodle_returns  a hand-in of a Moodle site, and the comment that brings feedback back
    canvas_arrivals  fetch a hand-in from a Canvas, or what no event told
    canvas_returns  the comment that brings feedback back
    score_returns  the score that says: handed in
    asset_arrivals, asset_returns  the same for the documents of an LTI platform; asset_report_text has the words
    emails        sends e-mails; writes those to admins whose endpoint was disabled
    weekly_summary  the summary of their courses that educators get each week
"""
