"""What is seen of a motion: as data, as a web page, as pictures."""
