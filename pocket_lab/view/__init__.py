"""Frames and findings as pictures, pages, tables and sentences.

In: a frame or a finding. Out: matplotlib Axes (`plots`), HTML (`html`), text (`text`), sentences (`findings`). No pyplot state
and no global style; user text is escaped by type (Markup); pictures take the colour of the text around them.
"""
