"""The command line: `sandbox <noun> <verb>`. Data on stdout, talk on stderr, exit codes from the refusals."""
