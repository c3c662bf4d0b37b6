"""The command line: talks to people, renders, nothing else."""
