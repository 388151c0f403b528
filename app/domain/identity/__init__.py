"""Who may come in: staff, patients' accounts and operators, their passwords, second factors and sessions."""
