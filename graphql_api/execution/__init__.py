"""How a document is run: parsed, measured, validated and executed. It knows no schema."""
