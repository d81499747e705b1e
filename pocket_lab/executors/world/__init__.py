"""What code finds around it in one process and not in another: settings, import path, context variables, options of libraries.

In: the process of the caller, and the pickler of what is sent. Out: `Settings`, which a new process applies once, and a
`Caller`, inside which each call runs. Nothing is loaded that is not loaded already, unless the caller has changed it.
"""
