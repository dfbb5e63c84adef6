"""The two doors of the peer: hand in an essay, look how far it is."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.urls import path
from rest_framework import serializers
from rest_framework.generics import CreateAPIView, RetrieveAPIView

from benchmarks.peer.models import PASSES, Essay, Pass
from benchmarks.peer.tasks import read_essay


class PassSerializer(serializers.ModelSerializer[Any]):
    """A pass in a status."""

    class Meta:
        model = Pass
        fields = ("name", "state", "started_at", "finished_at")


class EssaySerializer(serializers.ModelSerializer[Any]):
    """An essay that is handed in, and its status."""

    title = serializers.CharField(write_only=True)
    text = serializers.CharField(write_only=True, max_length=100_000)
    passes = PassSerializer(many=True, read_only=True)

    class Meta:
        model = Essay
        fields = ("id", "title", "text", "status", "created_at", "completed_at", "passes")
        read_only_fields = ("status", "completed_at")


class HandIn(CreateAPIView):
    """Store an essay with its three passes, and send a task for each."""

    serializer_class = EssaySerializer

    def perform_create(self, serializer: Any) -> None:
        """Store the essay with its passes in one transaction, and send their tasks after the commit."""
        with transaction.atomic():
            essay = serializer.save(author=self.request.user)
            passes = Pass.objects.bulk_create([Pass(essay=essay, name=name) for name in PASSES])
            transaction.on_commit(lambda: [read_essay.delay(str(one.pk)) for one in passes])


class Status(RetrieveAPIView):
    """Show how far an essay of the signed-in author is."""

    serializer_class = EssaySerializer

    def get_queryset(self) -> Any:
        """Return the author's essays with their passes, without the texts."""
        return Essay.objects.filter(author=self.request.user).defer("text").prefetch_related("passes")


urlpatterns = [path("essays", HandIn.as_view()), path("essays/<uuid:pk>", Status.as_view())]
