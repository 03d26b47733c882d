"""What is trained on the built-in world alone, as nothing else says so much about its pictures."""
