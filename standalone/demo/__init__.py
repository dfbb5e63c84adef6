"""The demo: a school day in a minute. An LMS hands in, people read and decide, another LMS opens our pages, operators read metrics."""
