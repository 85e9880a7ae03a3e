"""HTTP: the app every service serves, problem answers, who may, and internal reads."""
