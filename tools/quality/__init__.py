"""How good the models are: our best one beside the defaults of the libraries, on real tables."""
