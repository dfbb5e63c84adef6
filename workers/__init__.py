"""Workers: how is one pass carried out, and what is due?

Lives here: the story of one pass (`run_pass`), what a provider's trouble does to it (`trouble`), the providers that answer
it, the prompts beside their passes, and the clock that re-sends hints, frees leases and keeps house.
May not: know Flask, requests or tokens, or change a row other than through a verb of `models`.
Doors: `dramatiq workers.boot:boot`, `python -m workers clock`, `python -m workers given-up`.
"""
