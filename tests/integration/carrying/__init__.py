"""What carries events between hospitals, their consumers and the centre."""
