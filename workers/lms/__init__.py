"""The LMSs that we ask, and what they answer in our words. No database; every request goes through outgoing's client.

Start with: `moodle_polling` (what is new at a site?).

    errors          what an LMS without a usable answer means for us
    sending         one request within the time that a row has
    answers         values in the answer of an LMS, whichever it is
    hand_in         a typed text and files that are not fetched yet
    moodle          one call of a Moodle site's web services, one file
    moodle_errors   what an error of Moodle means for us
    moodle_reading  the assignments, hand-ins, people and comments in Moodle's answers
    moodle_polling  what was handed in since we asked last
    moodle_people   who a student is
    moodle_comment  the comment that brings feedback back
    canvas          one call of a Canvas site's REST API, one file
    canvas_reading  the assignments, hand-ins and comments in Canvas's answers
    canvas_hand_ins an assignment, what was handed in, what was handed in lately
    canvas_comment  the comment that brings feedback back
    lti_token       a token of a platform (LTI 1.3)
    lti_score       a score for a platform (LTI 1.3)
    assets          the documents of an LTI platform, and reports about them
"""
