"""history's pure part: the chain of the log, folding events into views, and the words people read."""
