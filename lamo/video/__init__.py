"""Video files: the synthetic driving world, finding clips, decoding them onto a time grid."""
