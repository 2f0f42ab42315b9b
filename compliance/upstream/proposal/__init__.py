"""The pull request to mlcommons/logging that adds MLCommons Science to all of its tools, ready to be tried."""
