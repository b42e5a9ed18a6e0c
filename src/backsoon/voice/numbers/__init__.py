"""Rules for times and dates, one file a language; each has `RULES`, a `NumberRules`."""
