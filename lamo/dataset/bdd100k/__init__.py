"""What BDD100K ships beside its videos: info files and stills."""
