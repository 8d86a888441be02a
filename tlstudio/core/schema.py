"""What the tables of a project's catalogue are, and how those of older versions become them."""

import sqlite3

SCHEMA_VERSION = 2

# What a scan found and what a person changed stand side by side, so that neither overwrites the other:
# `labels` are the names that folders and lists give, each belonging to a class; `pictures.class` is where a picture
# counts now, `relabelled` whether a person put it there; `given` is the split that came with the file, `split`
# that or the one drawn, `split_set` the one a person set.
# A file that is gone (`here` = 0) keeps its row while the journal knows it: when it comes back, so do its edits.
TABLES = """
CREATE TABLE classes (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, state TEXT NOT NULL);
CREATE UNIQUE INDEX class_names ON classes (name) WHERE state <> 'removed';
CREATE TABLE labels (
    id INTEGER PRIMARY KEY, found TEXT NOT NULL UNIQUE, class INTEGER NOT NULL REFERENCES classes (id)
);
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, here INTEGER NOT NULL,
    label INTEGER NOT NULL REFERENCES labels (id), class INTEGER NOT NULL REFERENCES classes (id),
    relabelled INTEGER NOT NULL DEFAULT 0,
    given TEXT NOT NULL DEFAULT '', split TEXT NOT NULL, split_set TEXT NOT NULL DEFAULT '',
    excluded INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL, mode TEXT NOT NULL, frames INTEGER NOT NULL,
    refused TEXT NOT NULL, light INTEGER NOT NULL DEFAULT -1, contrast INTEGER NOT NULL DEFAULT -1,
    taken TEXT NOT NULL DEFAULT ''
);
CREATE INDEX pictures_by_class ON pictures (class, path);
CREATE INDEX pictures_counted ON pictures (class, split_set, split, excluded, refused, here);
CREATE TABLE prints (picture INTEGER PRIMARY KEY REFERENCES pictures (id), fingerprint BLOB NOT NULL);
CREATE TABLE near (first TEXT NOT NULL, second TEXT NOT NULL, PRIMARY KEY (first, second)) WITHOUT ROWID;
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, verdict TEXT NOT NULL,
    UNIQUE (kind, name)
);
CREATE TABLE steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, names TEXT NOT NULL, count INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE changes (
    id INTEGER PRIMARY KEY, step INTEGER NOT NULL REFERENCES steps (id), place TEXT NOT NULL, row INTEGER NOT NULL,
    before, after
);
CREATE INDEX changes_of_step ON changes (step);
CREATE INDEX changes_of_row ON changes (place, row);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE VIEW listed AS
    SELECT pictures.id AS id, path, classes.name AS label,
        CASE split_set WHEN '' THEN split ELSE split_set END AS split,
        size, mtime_ns, digest, width, height, format, mode, frames, refused, light, contrast, taken,
        excluded OR classes.state = 'removed' AS excluded, labels.found AS filed_as, given,
        classes.state AS class_state
    FROM pictures JOIN classes ON classes.id = pictures.class JOIN labels ON labels.id = pictures.label
    WHERE here;
"""

# Version 1 knew one table of pictures with their labels in it, no edits, and in one fact which splits were given.
_GIVEN_1 = "instr((SELECT value FROM facts_1 WHERE name = 'splits_given'), split)"
_FROM_1 = f"""
ALTER TABLE pictures RENAME TO pictures_1;
ALTER TABLE facts RENAME TO facts_1;
{TABLES}
INSERT INTO classes (name, state) SELECT DISTINCT label, 'found' FROM pictures_1 ORDER BY label;
INSERT INTO labels (found, class) SELECT name, id FROM classes ORDER BY id;
INSERT INTO pictures (
    path, here, label, class, given, split, size, mtime_ns, digest, width, height, format, mode, frames, refused
) SELECT path, 1, labels.id, labels.class, CASE WHEN {_GIVEN_1} THEN split ELSE '' END,
        split, size, mtime_ns, digest, width, height, format, mode, frames, refused
    FROM pictures_1 JOIN labels ON labels.found = pictures_1.label ORDER BY path;
INSERT INTO facts SELECT name, value FROM facts_1;
DROP TABLE pictures_1;
DROP TABLE facts_1;
"""


def version_of(db: sqlite3.Connection) -> int:
    """The version of the tables; 0 where there are none yet.

    Raises:
        sqlite3.DatabaseError: the file is no catalogue.
    """
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def bring_up_to_date(db: sqlite3.Connection) -> int:
    """Make the tables, or turn an older version's into today's, all or nothing. Returns the version found or made.

    Raises:
        sqlite3.DatabaseError: the file cannot be written, or is no catalogue.
    """
    version = version_of(db)
    if version >= SCHEMA_VERSION:
        return version
    db.execute("BEGIN IMMEDIATE")
    try:
        # Somebody else may have done it while this connection waited for its turn.
        version = version_of(db)
        for statement in _statements({0: TABLES, 1: _FROM_1}.get(version, "")):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {max(version, SCHEMA_VERSION)}")
        db.execute("COMMIT")
    except sqlite3.DatabaseError:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return max(version, SCHEMA_VERSION)


def _statements(script: str) -> list[str]:
    """`executescript` would commit first, and so leave half of a migration behind when it fails."""
    return [statement for statement in script.split(";") if statement.strip()]
