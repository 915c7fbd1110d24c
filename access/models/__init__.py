from access.models.rate_limits import RateLimitBucket
from access.models.sign_in import SignInFailure

__all__ = ["RateLimitBucket", "SignInFailure"]
