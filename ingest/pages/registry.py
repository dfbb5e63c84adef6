"""Every page that there is: the blueprints of all subjects."""

from __future__ import annotations

from flask import Flask

from ingest.pages import (
    accounts,
    admin_courses,
    admin_endpoints,
    admin_keys,
    admin_mappings,
    admin_overview,
    admin_people,
    admin_platforms,
    admin_records,
    admin_roster,
    admin_settings,
    admin_sources,
    api_documentation,
    asset_processor,
    deep_linking,
    desk,
    desk_essay,
    desk_review,
    desk_saved,
    forms,
    lti,
    passkeys,
    rendering,
    reports,
    school_sign_in,
    second_factor,
    shared,
    student,
)


def register(app: Flask) -> None:
    """Set the app up to make pages, and register them."""
    app.request_class = forms.PageRequest
    rendering.set_up(app)
    app.extensions["essaycoach.report_page"] = reports.show
    for subject in (
        accounts,
        school_sign_in,
        second_factor,
        passkeys,
        student,
        shared,
        reports,
        api_documentation,
        lti,
        deep_linking,
        asset_processor,
    ):
        app.register_blueprint(subject.blueprint)
    for subject in (desk, desk_essay, desk_review, desk_saved):
        app.register_blueprint(subject.blueprint)
    for subject in (
        admin_overview,
        admin_people,
        admin_roster,
        admin_courses,
        admin_sources,
        admin_mappings,
        admin_platforms,
        admin_endpoints,
        admin_keys,
        admin_settings,
        admin_records,
    ):
        app.register_blueprint(subject.blueprint)
