"""One provider for all tests of the local engine: the engines take two seconds to load."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.jobs import PassName
from workers.passes.feedback import Comment, PassAnswer
from workers.passes.request import Criterion, PassRequest
from workers.providers.local.engines import Engines
from workers.providers.local.provider import LocalProvider

Ask = Callable[..., PassAnswer]


@pytest.fixture(scope="session")
def engines() -> Engines:
    return Engines()


@pytest.fixture(scope="session")
def provider(engines: Engines) -> LocalProvider:
    return LocalProvider(engines)


@pytest.fixture
def ask(provider: LocalProvider) -> Ask:
    def asked(
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
            proven(comment, text)
        return answer

    return asked


def proven(comment: Comment, text: str) -> None:
    """Fail unless the comment points at exactly the words it quotes."""
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
