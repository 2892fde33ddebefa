"""SmoothTaylor, and a renderer of hot spots, as plugins of Ascribe."""
