"""The fast path for memray's uncompressed capture files: numpy decodes whole columns, and creates no object per record.

In: the bytes of a capture file. Out: a Capture, or Unreadable; then memray's own reader reads the file.

`header` checks that the layout is known, `records` finds where each record begins, `parts` makes columns of their fields,
`stacks` and `code_objects` resolve what was called, and `file` does all of this for one file.
"""
