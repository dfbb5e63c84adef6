"""Pages for people: sign-in, the student's essays, the educator's desk. Server-rendered; they work without JavaScript."""
