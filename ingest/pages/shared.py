"""The page behind a link: one essay as its student sees it, to read only, in a frame of the school's platform.

It takes no cookie and gives none. A link does not say who opens it, so opening one is not recorded as the student's view of the
feedback. (docs/adr/0166-a-link-shows-one-essay.md)
"""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from ingest.pages.rendering import CONTENT_SECURITY_POLICY, page, page_blueprint
from ingest.pages.student import read_version
from ingest.web import link_token, rate_limits, security_log
from ingest.web.identity import Identity
from models import essays, shared_links
from models.errors import NotFound

blueprint: Blueprint = page_blueprint("shared_pages")


@blueprint.before_request
def _leave_out_cookies() -> None:
    request.environ.pop("HTTP_COOKIE", None)


@blueprint.after_request
def _allow_frames(response: Response) -> Response:
    """Let the sites that the org has named show this answer in a frame, also when the link is over."""
    allowed = " ".join(g.get("embed_origins", ())) or "'none'"
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(
        "frame-ancestors 'none'", f"frame-ancestors {allowed}"
    )
    return response


@blueprint.get("/shared/<token>")
def essay(token: str) -> Response:
    """Show the newest draft of the essay that the link names, with its released feedback."""
    try:
        link = link_token.read(token)
    except NotFound:
        security_log.note("credential_refused")
        rate_limits.count_address()
        return _over()
    rate_limits.count(f"link:{link.essay}")
    try:
        return _show(link)
    except NotFound:
        return _over()


def _show(link: link_token.Link) -> Response:
    """Return the page, made under the student's own rights. Raises NotFound when the link is over."""
    who = Identity(org=link.org, caller=link.student, user=link.student, role="ec_student")
    with who.session():
        opening = shared_links.fetch_opening(link.student, org=link.org)
        g.embed_origins = opening.embed_origins
        if link.is_over or not opening.is_allowed:
            raise NotFound("This link is over.")
        found = essays.fetch_essay(link.essay, org=link.org)
        [newest] = [one for one in found["submissions"] if one["id"] == found["newest_submission_id"]]
        values = read_version(who, found, newest)
    return page("shared_essay.html", read_only=True, essay=found, version=newest, **values)


def _over() -> Response:
    return page("shared_over.html", code=404)
