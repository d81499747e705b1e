"""The fast path for memray's uncompressed capture files: numpy decodes whole columns, and creates no object per record.

In: the bytes of a capture file. Out: a Capture, or Unreadable, whereupon memray's own reader takes over. header (is the
layout known?) -> records (where each record begins) -> parts (their fields as columns) -> stacks, code_objects -> file.
"""
