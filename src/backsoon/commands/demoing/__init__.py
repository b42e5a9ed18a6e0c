"""The demonstration: a small company with real calendars in a real CalDAV server, for as long as somebody looks."""
