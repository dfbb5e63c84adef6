"""Read the pages as a browser without JavaScript does: cookies, links, and forms with what they carry hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask
from justhtml import JustHTML
from werkzeug.test import TestResponse

from tests.support.schools import PASSWORD, School


@dataclass(frozen=True)
class Page:
    """An answer, read as HTML."""

    answer: TestResponse

    @property
    def status(self) -> int:
        """Return the status code."""
        return self.answer.status_code

    @property
    def html(self) -> JustHTML:
        """Return the document."""
        return JustHTML(self.answer.text, sanitize=False)

    @property
    def text(self) -> str:
        """Return what a reader reads, each run of white space as one space."""
        return " ".join(self.html.root.to_text(separator=" ").split())

    def all(self, selector: str) -> list[Any]:
        """Return the elements that a CSS selector names."""
        return list(self.html.query(selector))

    def words(self, selector: str) -> list[str]:
        """Return the words of each element that a CSS selector names."""
        return [" ".join(one.to_text(separator=" ").split()) for one in self.all(selector)]

    def attributes(self, selector: str, name: str) -> list[str]:
        """Return this attribute of each element that a CSS selector names."""
        return [one.attrs[name] for one in self.all(selector) if name in one.attrs]

    def hidden(self, name: str) -> str:
        """Return the value of the first hidden field of this name."""
        return self.attributes(f'input[type="hidden"][name="{name}"]', "value")[0]


class PageReader:
    """A browser without JavaScript in front of the app. Its requests come from pages of the same server."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.page: Page | None = None

    def get(self, path: str, **headers: str) -> Page:
        """Load a page, and follow where it leads."""
        self.page = Page(self.client.get(path, headers=headers, follow_redirects=True))
        return self.page

    def post(self, path: str, *, headers: dict[str, str] | None = None, **fields: Any) -> Page:
        """Send a form with the hidden secret of the last page, and follow where it leads."""
        if self.page is not None and "csrf" not in fields and self.page.all('input[name="csrf"]'):
            fields["csrf"] = self.page.hidden("csrf")
        sent = {"Sec-Fetch-Site": "same-origin", **(headers or {})}
        answer = self.client.post(path, data=fields, headers=sent)
        if answer.status_code == 307:
            # The client of werkzeug would follow without the form, which it has read already.
            answer = self.client.post(answer.location, data=fields, headers=sent)
        elif answer.location is not None:
            answer = self.client.get(answer.location, headers=sent, follow_redirects=True)
        self.page = Page(answer)
        return self.page

    def sign_in(self, school: School, name: str, *, password: str = PASSWORD, **fields: str) -> Page:
        """Sign in as this person of the school."""
        self.get("/sign-in")
        return self.post("/sign-in", org=school.slug, email=school.email(name), password=password, **fields)
