"""history's SQL: the log, the writing of views, and the reading of them."""
