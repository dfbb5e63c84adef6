"""Migrations: how did the schema come to be?

Lives here: numbered SQL files, each with its rollback, and the runner that applies them as the owner role.
May not: be imported by a program, or hold a business rule in Python. SQL owns the schema; Peewee only maps it.
Door: `python -m migrations up | down | status | check`.
"""
