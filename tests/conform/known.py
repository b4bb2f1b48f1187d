"""What fails here by our fault or our choice, and why: the name of a case → the reason. A case that passes although it is named here has failed."""

KNOWN = {}
