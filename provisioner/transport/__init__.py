"""The ways to a host: SSH, and the machine that mailprov runs on."""
