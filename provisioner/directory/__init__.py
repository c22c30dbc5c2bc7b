"""Where users, aliases and domains are looked up."""
