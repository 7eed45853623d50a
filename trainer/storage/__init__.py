"""Where objects lie: OSS or a directory, with stores that wait or join, and a lease."""
