"""The command line: thin commands that call the functions of the same names."""
