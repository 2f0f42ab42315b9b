"""Reading the parts of a submission tree other than logs."""
