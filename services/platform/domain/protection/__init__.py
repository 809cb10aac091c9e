"""Who is protected from whom, by what, from when until when, and how that is known.

Ask `hers.Protection` of a person's file. Sources give measures: `orders.py` (the register of court orders), `bail.py`
(conditions of court bail) and `custody.py`. `measures.py` says what every measure must state; a further kind, such as
a police notice or a licence, is one more source in `hers.SOURCES`. `saying.py` puts into words what still binds him.
"""
