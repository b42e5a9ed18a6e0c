"""The commands, one small module each. What is heavy is imported where it is used: `backsoon --help` must be quick."""
