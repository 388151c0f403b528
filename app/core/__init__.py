"""What every part of Vien stands on: core knows no hospital and no patient."""
