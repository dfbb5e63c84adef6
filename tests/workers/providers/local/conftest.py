"""Fixtures for the local engine: one provider for all tests, because the engines take two seconds to load."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.jobs import PassName
from tests.support.local_engine import shared_engines, shared_provider
from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import Criterion, PassRequest
from workers.providers.local.engines import Engines
from workers.providers.local.provider import LocalProvider

Ask = Callable[..., PassAnswer]


@pytest.fixture(scope="session")
def engines() -> Engines:
    """Give the engines, loaded once for the session."""
    return shared_engines()


@pytest.fixture(scope="session")
def provider(engines: Engines) -> LocalProvider:
    """Give the local provider with the shared engines."""
    return shared_provider()


@pytest.fixture
def ask(provider: LocalProvider) -> Ask:
    """Give a function that asks the provider and checks the span of every comment."""

    def ask_provider(
        pass_name: PassName,
        text: str,
        *,
        prompt: str = "",
        language: str = "en-US",
        title: str = "",
        criteria: tuple[Criterion, ...] = (),
    ) -> PassAnswer:
        request = PassRequest(
            pass_name=pass_name,
            text=text,
            title=title,
            language=language,
            assignment_prompt=prompt,
            criteria=criteria,
        )
        answer = provider.ask(request).answer
        for comment in answer.comments:
            assert_exact_span(comment, text)
        return answer

    return ask_provider


def assert_exact_span(comment: Comment, text: str) -> None:
    """Assert that the comment is complete and its span holds exactly the words it quotes."""
    span = comment.span
    assert 0 <= span.start < span.end <= len(text)
    assert text[span.start : span.end] == span.quote
    assert text[: span.start].endswith(span.prefix)
    assert text[span.end :].startswith(span.suffix)
    assert len(span.prefix) <= 32
    assert len(span.suffix) <= 32
    for start, end in comment.also_at:
        assert 0 <= start < end <= len(text)
    assert 0.60 <= comment.confidence <= 1
    assert comment.origin == "rule"
    assert comment.message
    assert comment.next_step
