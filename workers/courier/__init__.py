"""The courier: a process with network and without keys that brings rows of configured sources to the engine, which has keys
and no network."""
