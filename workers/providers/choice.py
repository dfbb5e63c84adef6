"""Choose the provider that an org's AI policy asks for."""

from __future__ import annotations

from workers.providers.contract import Provider
from workers.providers.local.provider import LocalProvider
from workers.settings import ProviderSettings, hide_from_vendor


class ProviderChooser:
    """Chooses the provider by an org's AI policy.

    With the policy `local` an essay never leaves this machine, whatever provider is set. With `none` no provider is chosen.
    """

    def __init__(self, chosen: ProviderSettings, *, timeout_seconds: float, local: LocalProvider | None = None) -> None:
        self._local = local or LocalProvider()
        self._default: Provider = self._local
        if chosen.name == "anthropic":
            hide_from_vendor()
            # Import here, so that only a process that calls Claude loads the SDK: it is a fifth of a local worker's memory.
            from workers.providers.claude import DEFAULT_BASE_URL, DEFAULT_MODEL, ClaudeProvider  # noqa: PLC0415

            self._default = ClaudeProvider(
                chosen.api_key or "",
                base_url=chosen.base_url or DEFAULT_BASE_URL,
                model=chosen.model or DEFAULT_MODEL,
                timeout_seconds=timeout_seconds,
            )

    def warm_up(self) -> None:
        """Load the local engine, so that its first pass does not wait for it."""
        self._local.warm_up()

    def __call__(self, ai_policy: str) -> Provider:
        """Return the provider for an org with this AI policy."""
        return self._default if ai_policy == "anthropic" else self._local
