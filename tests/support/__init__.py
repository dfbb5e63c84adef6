"""What several tests share: servers, schools, races, the fake vendor."""
