"""The pull request that adds MLCommons Science to the tools of mlcommons/logging, ready to be tried."""
