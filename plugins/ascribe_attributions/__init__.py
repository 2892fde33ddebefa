"""The algorithms that come with Ascribe: one module, one plugin, each."""
