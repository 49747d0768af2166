"""One patient's answer as a page for a doctor or for the patient."""
