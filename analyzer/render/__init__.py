"""How results look: one module per command and form, over the types of ``analyzer.report``."""
