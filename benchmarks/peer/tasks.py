"""The task of the peer's workers: one pass of an essay, with the call that EssayCoach makes for it."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import anthropic
import django
from celery import Celery
from django.apps import apps

if not apps.ready:  # in Celery's worker; gunicorn has loaded them
    django.setup()

from django.db import transaction
from django.utils import timezone

from benchmarks.peer.models import Answer, Comment, Essay, Pass
from models.jobs import PassName
from workers.passes.prompt import rules, tail
from workers.passes.schema import wire_schema

app = Celery("peer")
app.config_from_object("django.conf:settings", namespace="CELERY")
MODEL = "claude-sonnet-5-5"
FIELDS = ("type", "kind", "severity", "confidence", "message", "next_step")


@cache
def _client() -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="bench", base_url=os.environ["ANTHROPIC_BASE_URL"], max_retries=0)


@app.task(name="read_essay")
def read_essay(pass_id: str) -> None:
    """Read the essay once, store the raw answer and the comments, and complete the essay with its last pass."""
    Pass.objects.filter(pk=pass_id).update(state="running", started_at=timezone.now())
    reading = Pass.objects.select_related("essay").get(pk=pass_id)
    answer = Answer.objects.create(reading=reading)
    message = _ask(reading)
    answer.raw, answer.outcome, answer.completed_at = message.content[0].text, "ok", timezone.now()
    answer.input_tokens, answer.output_tokens = message.usage.input_tokens, message.usage.output_tokens
    answer.save()
    with transaction.atomic():
        Comment.objects.bulk_create(_comments(reading, json.loads(answer.raw)))
        essay = Essay.objects.select_for_update().get(pk=reading.essay_id)
        Pass.objects.filter(pk=pass_id).update(state="done", finished_at=timezone.now())
        if not essay.passes.exclude(state="done").exists():
            essay.status, essay.completed_at = "completed", timezone.now()
            essay.save(update_fields=["status", "completed_at"])


def _ask(reading: Pass) -> Any:
    asked = json.dumps({"title": reading.essay.title, "text": reading.essay.text}, ensure_ascii=False)
    cached = {"type": "ephemeral"}
    with _client().messages.stream(
        model=MODEL,
        max_tokens=8_000,
        system=[
            {"type": "text", "text": rules(), "cache_control": cached},
            {"type": "text", "text": f"# The essay\n\n<essay>\n{asked}\n</essay>\n", "cache_control": cached},
        ],
        messages=[{"role": "user", "content": tail(PassName(reading.name))}],
        output_config={"format": {"type": "json_schema", "schema": wire_schema(())}},
        thinking={"type": "between_tools"},
    ) as stream:
        return stream.get_final_message()


def _comments(reading: Pass, answer: dict[str, Any]) -> list[Comment]:
    found = []
    for one in answer["comments"]:
        quote = one["place"]["quote"]
        start = reading.essay.text.find(quote)
        place = {"start": start, "end": start + len(quote)} if start >= 0 else {}
        fields = {name: one[name] for name in FIELDS}
        found.append(Comment(essay=reading.essay, reading=reading, **fields, **place))
    return found
