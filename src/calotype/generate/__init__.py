"""The finished jobs: a request goes in, pictures come out.

The public names are those of ``calotype`` itself. Nothing is imported here: a request record
(``generate.request``) is needed where no network is, in ``--help`` or in a client.
"""
