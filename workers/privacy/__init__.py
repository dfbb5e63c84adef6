"""Masking names and contact details before an essay leaves for a remote provider."""
