"""How fast nnfast is, beside every peer that is installed: `python -m benchmarks`."""
