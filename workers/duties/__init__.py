"""What the clock does regularly, one function for each duty."""
