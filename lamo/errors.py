"""The one exception that bad input raises."""


class LamoError(Exception):
    """Bad input or a damaged artefact.

    The message names the file or config key, what was found, what was expected and what to do; scripts print it as a
    single line and stop, without a traceback.

    Attributes:
        follows: whether it only says what follows from something that another process did or met.
    """

    follows = False
