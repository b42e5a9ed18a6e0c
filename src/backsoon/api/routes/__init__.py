"""The routes below `/api/v1`, by what they are about. Each is a thin cover of a verb."""
