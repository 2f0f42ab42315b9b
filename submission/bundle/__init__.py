"""The bundle on disk: layout, archive, licences, publishing, reading it back."""
