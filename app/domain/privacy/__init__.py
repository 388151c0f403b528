"""Data protection: consents, patients' requests about their data, exports, erasure, retention and breaches."""
