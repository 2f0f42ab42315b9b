"""What is around the program: disks, servers, a scheduler, a browser, counters of energy."""
