"""The program's surroundings: disks, servers, a scheduler, a browser, energy counters."""
