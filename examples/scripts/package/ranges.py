"""What adults.py imports; packed with: tar -czf package.tar.gz -C package ."""

MASS = 3000  # g
