"""The tables of the peer."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models

from models.jobs import PASS_ORDER

PASSES = PASS_ORDER


def _id() -> Any:
    return models.UUIDField(primary_key=True, default=uuid.uuid4)


class Essay(models.Model):
    """An essay as it was handed in."""

    id = _id()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    title = models.TextField()
    text = models.TextField()
    status = models.CharField(max_length=20, default="queued")
    created_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True)


class Pass(models.Model):
    """One reading of an essay."""

    id = _id()
    essay = models.ForeignKey(Essay, on_delete=models.CASCADE, related_name="passes")
    name = models.CharField(max_length=20)
    state = models.CharField(max_length=20, default="queued")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["essay", "name"], name="one_per_essay_and_name"),)


class Answer(models.Model):
    """A call to the vendor and its raw answer."""

    id = _id()
    reading = models.ForeignKey(Pass, on_delete=models.CASCADE)
    outcome = models.CharField(max_length=20, default="open")
    raw = models.TextField(default="")
    input_tokens = models.IntegerField(default=0)
    output_tokens = models.IntegerField(default=0)
    opened_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True)


class Comment(models.Model):
    """A comment at a place of the essay."""

    id = _id()
    essay = models.ForeignKey(Essay, on_delete=models.CASCADE, related_name="comments")
    reading = models.ForeignKey(Pass, on_delete=models.CASCADE)
    type = models.CharField(max_length=60)
    kind = models.CharField(max_length=20)
    severity = models.CharField(max_length=20)
    confidence = models.FloatField()
    start = models.IntegerField(null=True)
    end = models.IntegerField(null=True)
    message = models.TextField()
    next_step = models.TextField()
