#!/bin/sh
# Write into FOLDER what the image must know of the checkout that it is built from, which only the machine that
# builds can ask git: the text of the commit, the list of its files, and where its tag is. Runs in the image are
# compared with the list when they start.
#
#     sh container/note_commit.sh FOLDER      (at the root of the checkout)
noted="$1"
rm -rf "$noted"
mkdir -p "$noted"
checkout() { git -c safe.directory="$PWD" "$@"; }
if ! checkout cat-file commit HEAD >"$noted/commit.txt" || ! checkout ls-tree -r HEAD >"$noted/tree.txt"; then
    echo "warning: no git checkout: runs in this image cannot be submitted" >&2
    rm "$noted"/*
    exit 0
fi
checkout describe --tags --long --match 'v[0-9]*' >"$noted/describe.txt" 2>/dev/null || rm "$noted/describe.txt"
