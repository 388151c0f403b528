"""What hospitals do: one package per subject, each with models, rules, queries and operations."""
