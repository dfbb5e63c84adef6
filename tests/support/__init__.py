"""Code that several tests share: servers, schools, concurrent calls, the fake vendor."""
