"""The LMSs that we ask, and what they answer in our words. No database; every request goes through outgoing's client.

Start with: `moodle_polling` (what is new at a site?).

    moodle          one call of a Moodle site's web services, one file
    moodle_errors   what an error of Moodle means for us
    moodle_reading  the assignments, hand-ins, people and comments in Moodle's answers
    moodle_polling  what was handed in since we asked last
    moodle_people   who a student is
    moodle_comment  the comment that brings feedback back
"""
