"""LTI 1.3: platforms open our pages, and we talk to them (docs/adr/0172-launches-without-passwords.md).

Lives here: what a platform sends, checked and read, and what is done about it. The pages are `lti`, `launch_forms`,
`deep_linking` and `asset_processor` in `ingest.pages`.
Start with: `id_token` (is it the platform's?), `opening` (carry out a launch).

    routes           add, list, approve, change and switch off platforms; schemas has the models
    registration     a platform and we tell each other the rest
    login            send a browser on to the platform
    tickets          what must be remembered of a launch between its steps
    id_token         check what a platform has signed
    claim_values     ids and texts of a platform, made fit to be stored
    launch_claims    what a launch says
    opening          carry out a launch: the person, the course, the assignment, a session
    deep_links       the signed answer of which assignment a teacher has chosen
    names_and_roles  the people of a course, as its platform lists them
    rosters          enrol them before they come
    asset_claims     what launches and notices say about documents (Asset Processor)
    notice_claims    what a notice says
    notices          take notices in
    notice_orders    order notices from a platform
"""
