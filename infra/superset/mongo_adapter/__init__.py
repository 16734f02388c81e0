"""MongoDB's collections as SQL tables: a Shillelagh adapter that never scans a big collection.

``catalogue`` says what there is, ``conditions`` and ``windows`` (pure) which documents a query needs, ``reader``
fetches them, ``composed`` and ``rows`` (pure) make rows of them, ``adapter`` hands them to SQLite. Only ``adapter`` and
``virtual_table`` need Superset's environment.
"""
