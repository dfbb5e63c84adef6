"""Show the API to the people who program against it: Swagger UI, served from our own files, reads /openapi.json."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

blueprint = Blueprint("api_documentation", __name__, template_folder="templates")
# The style sheet of Swagger UI holds its icons as `data:` images.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@blueprint.get("/docs")
def show() -> Response:
    """Return the page."""
    response = Response(render_template("api_documentation.html"), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
