"""`lamo report`: a finished run as one HTML page."""
