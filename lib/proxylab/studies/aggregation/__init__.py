"""What aggregating votes by models of the annotators changes: on people's votes, in the world."""
