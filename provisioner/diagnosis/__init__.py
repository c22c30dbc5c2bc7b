"""What the mail log says, explained: lines in, diagnoses and a message's way out. Pure."""
