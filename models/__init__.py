"""Models: what is true, and in which words?

Lives here: the tables and the verbs that move their rows on, the sessions that say who is acting, encryption, the names
of jobs. A verb opens nothing and commits nothing; doors and actors open `models.db.session`.
May not: know HTTP, prompts or Prometheus, or import another room.
Doors: `models.db.session`, the verb files, `models.jobs`.
"""
