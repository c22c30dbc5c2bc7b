"""The order of things: plan, apply, verify; talks to hosts through ports."""
