"""The service to compare with: Django, Django REST framework and Celery, as their own guides build it.

It stores what EssayCoach stores (an essay, three passes, the raw answer of each call, the comments with their places) and
makes the same three calls through the same SDK. It has signed access tokens. It has no row security, encryption, audit
trail, fair turns, leases or masking.
"""
