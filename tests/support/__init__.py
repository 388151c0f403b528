"""What tests stand on: servers, a platform with two hospitals, clients and counters."""
