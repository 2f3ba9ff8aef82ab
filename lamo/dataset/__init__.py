"""Finding videos and accounting for each of them: sources, listing, the table of clips, contact sheets."""
