"""Rules of our own: mistakes that both engines miss."""
