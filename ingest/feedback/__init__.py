"""Read feedback, review its comments, keep saved comments, release feedback to students, and follow comments across versions."""
