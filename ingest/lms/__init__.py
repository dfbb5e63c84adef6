"""LTI 1.3: platforms open our pages, and we talk to them (docs/adr/0172-launches-without-passwords.md)."""
