"""What a distribution is: suites, keys, architectures, path tables. One small file each."""
