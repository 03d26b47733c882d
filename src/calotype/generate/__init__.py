"""From a request to its pictures, and from pictures to files that hold their request.

The public names are those of ``calotype`` itself. Nothing is imported here: a request record
(``generate.request``) is needed where no network is, in ``--help`` or in a client.
"""
