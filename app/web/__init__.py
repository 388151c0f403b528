"""What the three portals share: binding, guards, rendering, forms, errors. It knows no portal by heart."""
