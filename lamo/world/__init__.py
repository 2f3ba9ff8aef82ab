"""The synthetic driving world: simulated drives, rendered and written as videos."""
