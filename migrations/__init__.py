"""Migrations: how is the database schema built, step by step?

Lives here: numbered SQL files, each with its rollback file, and the runner that applies them with the owner role; the roles and
their limits; what a file would lock (`plan`) or lose (`losses`), tried before it happens; rows changed in steps (`batches`).
May not: be imported by a program, or hold a business rule in Python. SQL defines the schema; Peewee only maps it.
Start with: `runner` (how the files are applied, rolled back and sealed).
Run: `python -m migrations --help` lists the commands.
"""
