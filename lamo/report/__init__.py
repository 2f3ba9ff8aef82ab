"""Tables, figures, sheets and videos."""
