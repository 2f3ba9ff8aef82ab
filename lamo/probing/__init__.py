"""What motion tokens mean."""
