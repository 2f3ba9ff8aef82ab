"""Finding videos and accounting for each: listing, the table of clips, info files, stills, contact sheets."""
