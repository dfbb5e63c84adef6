"""Let a teacher judge comments: make a sheet, read it back, print how many comments are real, and compare two judges."""
