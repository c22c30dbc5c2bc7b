"""Questions asked of the live site, each with a pure judge of the answer."""
