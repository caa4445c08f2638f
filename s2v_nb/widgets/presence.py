"""`Presence`: a front end that shows nothing and only tells that front ends of our own work in this notebook."""

from s2v_nb.widgets.front import Front


class Presence(Front):
    name = "presence"
