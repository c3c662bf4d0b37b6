"""From a keyring over a signed index to a package file."""
