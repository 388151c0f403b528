"""What staff are told inside the portal: a bell, and a list."""
