"""The tree of a bundle on disk: layout, archive, licences, publishing, reading it back."""
