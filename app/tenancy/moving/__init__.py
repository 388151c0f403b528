"""Moving a hospital's database to another server: by dump for the small, by logical replication for the large."""
