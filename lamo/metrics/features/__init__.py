"""Features of frames for distances between distributions."""
