"""One module per verb: typed request to result; the only place that wires ports."""
