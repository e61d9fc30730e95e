"""Identification from torques: equations of measured motion, base parameters, the nearest bodies that exist, and what is said of them."""
