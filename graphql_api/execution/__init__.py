"""How a document is run: parsed, limited, validated and executed, whatever its schema says."""
