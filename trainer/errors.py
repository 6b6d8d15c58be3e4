"""What stops a run and is the caller's to mend: one clear line and exit status 2."""


class TrainerError(Exception):
    """Root of the trainer's own errors. The message says what is wrong and where."""


class DataError(TrainerError):
    """A data set is missing, damaged or not the one that is known by its checksum."""


class RunError(TrainerError):
    """A training run cannot be started, resumed or read."""


class PublishError(TrainerError):
    """A version cannot be published; nothing of it is left where a service would look."""
