"""Reading feedback, deciding about comments, saved comments, and releasing feedback to students."""
