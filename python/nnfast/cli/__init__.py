"""The commands of `nnfast`: a module each, with `add`, which describes it, and `run`."""
