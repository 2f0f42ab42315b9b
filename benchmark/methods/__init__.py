"""Methods that turn a scene into probabilities of cloud, one module each.

Imports core, scenes and, within the functions that compute, compute.
"""
