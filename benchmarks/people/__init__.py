"""Measures what the audit says of depicted people: faces found, labels read, skin tone, likeness, copies.

python -m benchmarks.people [detection labels tone likeness gallery copies] [--save]
"""
