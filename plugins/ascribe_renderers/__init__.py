"""The renderers that come with Ascribe: one module each."""
