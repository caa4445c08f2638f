"""`Presence`: a front end that shows nothing: it tells that ours work in this notebook, and sees to keys and names."""

from s2v_nb.widgets.front import Front


class Presence(Front):
    name = "presence"
