"""What a submission tree is made of, apart from its logs."""
