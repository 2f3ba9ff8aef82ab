"""A trained world model as one folder, for programs and for `lamo predict`."""
