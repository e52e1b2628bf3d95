"""What an endpoint can do wrong, classified once, in words a person can act on."""

from store.errors import ErrorClass, FabulaError


class EndpointFailed(FabulaError):
    """A request to a model failed. `retryable` says whether the same request may succeed later."""

    def __init__(
        self,
        message: str,
        *,
        error_class: ErrorClass,
        hint: str = "",
        detail: str = "",
        retryable: bool = True,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.error_class = error_class
        self.retryable = retryable
        self.retry_after_s = retry_after_s
