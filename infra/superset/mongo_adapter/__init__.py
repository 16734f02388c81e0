"""MongoDB's collections as SQL tables: a Shillelagh adapter that never scans a big collection.

``tables`` says what there is, ``conditions`` and ``windows`` (pure) which documents a query needs, ``reader`` fetches
them, ``adapter`` hands them to SQLite. Only ``adapter`` and ``virtual_table`` need Superset's environment.
"""
