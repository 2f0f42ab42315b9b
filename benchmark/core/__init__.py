"""Small pieces that every other room uses: errors, files, locks, display. Imports nothing of ours."""
