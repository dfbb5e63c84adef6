"""Outgoing: how do we reach somebody else's address?

Lives here: the one HTTP client for addresses that somebody else has named (a school's LMS, its sign-in provider, the endpoint of
an integrator), the list of addresses that it never calls, and the mailers.
May not: know HTTP requests to us, prompts or SQL, or import another room but models.
Start with: `client` (`Client.send`).

    client      one HTTP request to a checked address, bounded in time and size
    connection  one connection to that address, with one deadline for everything
    addresses   which addresses are never called, and what an operator may allow
    sites       which addresses are of one site
    web_slots   the few calls that a web process makes at once
    signature   signatures of webhooks
    lti         a token of an LTI platform, and JSON from it
    retry_after how long a server asks to be left alone
    errors      why there is no answer, or may be none
    score       the one score that goes to an LMS
    mail        e-mails and the delivery methods of ESSAYCOACH_MAIL
    settings    what both web and the worker read from the environment
"""
