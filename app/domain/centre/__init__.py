"""What a hospital tells the centre: who its patients are, blindly; how much there is of everything; what happened."""
